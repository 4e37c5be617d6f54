"""Ctrl-C and SIGTERM at random moments of real processes, from the start of the interpreter on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.attacks.outcome import ROOT, Outcome, Try, faults, left_in, surroundings

SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
GRACE = 3.0
"""Seconds that processes started by a command have to end after it."""

OWN_START = "interpreter's own start, which prints a traceback"
"""Before the first line of the package runs, nothing of it can keep Python from that: counted apart."""


@dataclass(frozen=True)
class Running:
    """A command to interrupt.

    Attributes:
        name: of it.
        words: the command line.
        output: the file that it writes.
        environment: what it is told beside.
        wide: whether the signal goes to all its processes, as Ctrl-C on a terminal does; else to the first alone.
    """

    name: str
    words: tuple[str, ...]
    output: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    wide: bool = True


_DERIVED = {"COSTMODEL_ATLAS": "off"}
COMMANDS = (
    Running("estimate", ("estimate", "resnet18", "--json")),
    Running("estimate, traced", ("estimate", "squeezenet1_1", "--method", "bn_head"), environment=_DERIVED),
    Running("sweep --output .csv", ("sweep", "resnet18", "--batch", "1:20000", "--output", "o.csv"), "o.csv"),
    Running("sweep --output .parquet", ("sweep", "resnet18", "--batch", "1:20000", "-o", "o.parquet"), "o.parquet"),
    Running("sweep --output .jsonl", ("sweep", "resnet18", "--batch", "1:5000", "-o", "o.jsonl"), "o.jsonl"),
    Running("size", ("size", "mobilenet_v3", "--memory", "32MiB")),
    Running("compare --plot", ("compare", "resnet18", "--plot", "o.svg"), "o.svg"),
    Running("formula --output", ("formula", "resnet18", "--method", "lora", "--format", "c", "--output", "o.h"), "o.h"),
    Running("peak --plot", ("peak", "alexnet", "--method", "bn_head", "--no-where", "--plot", "o.png"), "o.png"),
    Running("layers", ("layers", "alexnet", "--method", "bn_head")),
    Running("validate", ("validate", "squeezenet1_1", "--method", "bn_head", "--batch", "2", "--resolution", "64")),
    Running("validate --suite", ("validate", "resnet18", "--suite", "paper", "--output", "suite", "--jobs", "2")),
    Running("atlas check", ("atlas", "check", "--sample", "2")),
)


def attack(tries: int, seed: int) -> Iterator[Try]:
    """Interrupt each command in turn at a random moment of its run time."""
    chooser = random.Random(seed)  # noqa: S311  # tries, no secrets
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole: dict[str, tuple[float, bytes]] = {}
        for number in range(tries):
            command = COMMANDS[number % len(COMMANDS)]
            kind = "SIGTERM" if chooser.random() < 0.25 else "Ctrl-C"
            if command.name not in whole:
                whole[command.name] = _whole(command, folder)
            seconds, text = whole[command.name]
            # A third of them while the interpreter and the package start: most of a short command.
            after = chooser.uniform(0, min(0.4, seconds) if chooser.random() < 0.33 else seconds)
            yield _interrupted(command, kind, after, text, folder)


def _start(command: Running, folder: Path, cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # this very package
        [sys.executable, "-m", "costmodel", *command.words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=surroundings(COSTMODEL_CACHE_DIR=str(cache), **command.environment),
        start_new_session=True,
    )


def _whole(command: Running, folder: Path) -> tuple[float, bytes]:
    """Let a command run to its end, at most 20 seconds: how long it takes and what it writes."""
    place = _empty(folder)
    start = perf_counter()
    running = _start(command, place, folder / "cache of its own")
    with suppress(subprocess.TimeoutExpired):
        running.communicate(timeout=20)
    seconds = perf_counter() - start
    _kill(running.pid)
    running.communicate()
    return seconds, (place / command.output).read_bytes() if command.output else b""


def _empty(folder: Path) -> Path:
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return place


def _interrupted(command: Running, kind: str, after: float, whole: bytes, folder: Path) -> Try:
    place = _empty(folder)
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)  # an interrupted entry may not be read by the next
    number = SIGNALS[kind]
    start = perf_counter()
    running = _start(command, place, cache)
    sleep(after)
    ended = running.poll() is not None
    with suppress(ProcessLookupError):
        if command.wide and kind == "Ctrl-C":
            os.killpg(running.pid, number)
        else:
            running.send_signal(number)
    sent = perf_counter()
    status: int | str
    try:
        out, err = running.communicate(timeout=60)
        status = running.returncode
    except subprocess.TimeoutExpired:
        status, out, err = "timeout", b"", b""
    took = perf_counter() - sent
    outcome = Outcome(command.words, status, out.decode(errors="replace"), err.decode(errors="replace"), took)
    found = [*faults(outcome, frozenset({0, 128 + number, -number}))]
    if status == "timeout":
        found.append("does not end")
    if outcome.err.count("\n") > 1:
        found.append(f"{outcome.err.count(chr(10))} lines on standard error")
    if command.output and (path := place / command.output).exists() and path.read_bytes() != whole:
        found.append("half a file")
    hidden = [name for base in (place, cache) for name in left_in(base) if Path(name).name.startswith(".")]
    if hidden:
        found.append(f"left behind: {hidden}")
    if not _gone(running.pid):
        found.append("a process goes on")
        _kill(running.pid)
        running.communicate()
    early = "Traceback" in outcome.err and str(ROOT / "costmodel") not in outcome.err and status in (1, -number)
    done = "it had ended" if ended else f"ended after {took:.2f} s"
    first = next((line for line in reversed(outcome.err.splitlines()) if line.strip()), "")
    what = f"{' '.join(command.words)}; {kind} after {after:.3f} s, {done}; says: {first[:120]}"
    if early and not hidden:
        return Try(f"{kind}, {OWN_START}: {command.name}", status, (), what, perf_counter() - start)
    return Try(f"{kind}: {command.name}", status, tuple(found), what, perf_counter() - start)


def _gone(session: int) -> bool:
    """Wait until no process of a session is left, for a while."""
    end = perf_counter() + GRACE
    while _members(session):
        if perf_counter() > end:
            return False
        sleep(0.05)
    return True


def _members(session: int) -> list[int]:
    """List the processes of a session that are not dead already."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(path.name))
    return found


def _kill(session: int) -> None:
    for process in _members(session):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
