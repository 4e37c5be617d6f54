"""What a command did under attack, and what of it is a fault."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

from costmodel.terminal.cli import main

ROOT = Path(__file__).parents[2]
TIMEOUT = "timeout"
STATUSES = frozenset({0, 2})
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What a terminal obeys instead of showing it; line ends and tabs are left out."""


@dataclass(frozen=True)
class Outcome:
    """What came of one command.

    Attributes:
        words: the command line without its first word.
        status: the exit status, negative for a signal; ``timeout`` where it had to be stopped.
        out, err: what it wrote.
        seconds: how long it took.
    """

    words: tuple[str, ...]
    status: int | str
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Try:
    """One try of an attack.

    Attributes:
        kind: what was attacked, and how.
        status: as in `Outcome`.
        faults: what went wrong, in one line each; empty where nothing did.
        what: how to do it again.
        seconds: how long it took.
    """

    kind: str
    status: int | str
    faults: tuple[str, ...]
    what: str
    seconds: float = 0.0

    def named(self, kind: str) -> Try:
        """Return the same try under another kind."""
        return replace(self, kind=kind)


class _Expired(BaseException):
    """Time is up; no ``except Exception`` stops it."""


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    def expire(_number: int, _frame: FrameType | None) -> None:
        raise _Expired

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def inside(words: Sequence[str], seconds: float = 60) -> Outcome:
    """Run a command line in this process, its output caught as the bytes that a pipe gets."""
    out, err = io.BytesIO(), io.BytesIO()
    before = sys.stdout, sys.stderr
    sys.stdout = io.TextIOWrapper(out, "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)
    caught = sys.stdout, sys.stderr
    start = perf_counter()
    status: int | str
    try:
        with _deadline(seconds):
            status = main(list(words))
    except _Expired:
        status = TIMEOUT
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # what a user would see as a traceback
        import traceback

        status = 1
        traceback.print_exception(error, file=caught[1])
    finally:
        sys.stdout, sys.stderr = before
    took = perf_counter() - start
    for stream in caught:
        stream.flush()
    return Outcome(tuple(words), status, out.getvalue().decode(), err.getvalue().decode(), took)


def outside(
    words: Sequence[str | bytes],
    *,
    seconds: float = 120,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    limit: Callable[[], Any] | None = None,
) -> Outcome:
    """Run a command line in a process of its own, in ``folder``.

    Args:
        words: the command line without its first word.
        seconds: after which it is stopped.
        folder: where it runs.
        environment: what is set beside this process's own environment.
        limit: called in the new process before it becomes the command.
    """
    start = perf_counter()
    command: list[str | bytes] = [sys.executable, "-m", "costmodel", *words]
    running = subprocess.Popen(  # noqa: S603  # this very package
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=surroundings(**(environment or {})),
        preexec_fn=limit,
    )
    status: int | str
    try:
        out, err = running.communicate(timeout=seconds)
        status = running.returncode
    except subprocess.TimeoutExpired:
        running.kill()
        out, err = running.communicate()
        status = TIMEOUT
    shown = tuple(os.fsdecode(word) for word in words)
    return Outcome(shown, status, out.decode(errors="replace"), err.decode(errors="replace"), perf_counter() - start)


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a command: this process's, with this package in reach."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def faults(outcome: Outcome, allowed: frozenset[int] = STATUSES) -> tuple[str, ...]:
    """Say what a command did that the contract does not allow.

    Args:
        outcome: of the command.
        allowed: exit statuses that are right here.
    """
    found = []
    if outcome.status == TIMEOUT:
        return ()  # counted apart
    if outcome.status not in allowed:
        found.append(f"exit status {outcome.status}")
    if "Traceback" in outcome.out + outcome.err or "Exception ignored" in outcome.err:
        found.append("a traceback")
    if outcome.status == 2:
        if outcome.out:
            found.append("output beside an error")
        if outcome.err.count("\n") != 1 or not outcome.err.startswith("costmodel: "):
            found.append(f"{outcome.err.count(chr(10))} lines on standard error")
        if len(outcome.err) > LONGEST:
            found.append(f"a line of {len(outcome.err):,} characters")
    if CONTROL.search(outcome.out + outcome.err):
        found.append("control characters in a pipe")
    return tuple(found)


LONGEST = 6000
"""Characters of an error: the list of all models is the longest that one names."""


def tried(kind: str, outcome: Outcome, more: Sequence[str] = (), allowed: frozenset[int] = STATUSES) -> Try:
    """Judge an outcome."""
    what = " ".join(ascii(word) if not word.isprintable() or " " in word else word for word in outcome.words)
    shown = what if len(what) <= 400 else f"{what[:400]}..."
    return Try(kind, outcome.status, (*faults(outcome, allowed), *more), shown, outcome.seconds)


@dataclass(frozen=True)
class State:
    """What a command may not leave changed in its process."""

    folder: str = field(default_factory=os.getcwd)
    environment: tuple[tuple[str, str], ...] = field(default_factory=lambda: tuple(sorted(os.environ.items())))
    threads: frozenset[str] = field(default_factory=lambda: frozenset(t.name for t in threading.enumerate()))
    handler: Any = field(default_factory=lambda: signal.getsignal(signal.SIGINT))
    terminate: Any = field(default_factory=lambda: signal.getsignal(signal.SIGTERM))

    def changes(self) -> tuple[str, ...]:
        """Name what is no longer as it was."""
        now = State()
        return tuple(f"{name} changed" for name in vars(self) if getattr(self, name) != getattr(now, name))


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Run in another folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def left_in(folder: Path) -> set[str]:
    """Name every file below a folder, by its path in it."""
    found = set()
    with suppress(OSError):
        found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return found
