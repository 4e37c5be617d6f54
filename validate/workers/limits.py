"""What a measuring process may use, and the ties that end it when whoever started it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

from costmodel.errors import InputError
from costmodel.units import size


@dataclass(frozen=True, slots=True)
class Limits:
    """What each measuring process may use.

    Attributes:
        memory: bytes of private writable memory, the interpreter and libraries included; ``None`` for any.
        seconds: of wall time, after which it is ended; ``None`` for any.
        threads: that torch computes with.
    """

    memory: int | None = None
    seconds: int | None = None
    threads: int = 1


def limit_memory(nbytes: int) -> None:
    """Let this process, and each that it starts, have no more than so many bytes of private writable memory.

    On Linux that is ``RLIMIT_DATA``: heap and anonymous mappings. ``RLIMIT_AS`` would count the address space, where
    torch's libraries and reserved but untouched arenas take gigabytes that no memory stands behind.

    Raises:
        OSError: where the system has no such limit, or refuses it.
    """
    try:
        import resource
    except ImportError as error:
        raise OSError("this system has no resource limits") from error
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = nbytes if hard == resource.RLIM_INFINITY else min(nbytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    except ValueError as error:
        raise OSError(f"the system refuses the limit: {error}") from error


_PROBE = """
import sys
from validate.workers.limits import limit_memory
limit_memory(2**28)
try:
    bytearray(2**30)
except MemoryError:
    sys.exit(0)
sys.exit(1)
"""


def check_memory_limit(nbytes: int) -> None:
    """Try out, in a process of its own, whether this system enforces a memory limit.

    Raises:
        InputError: where it does not.
    """
    tried = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=False)  # noqa: S603  # our own text
    if tried.returncode:
        raise InputError(f"--memory-limit {size(nbytes)}: this system does not enforce one; leave the option out")


def memory_shortage(error: BaseException) -> bool:
    """Tell whether an error says that memory could not be had."""
    said = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(words in said for words in _SHORTAGES)


_SHORTAGES = ("can't allocate memory", "cannot allocate memory", "bad_alloc", "not enough memory", "out of memory")


def own_group() -> None:
    """Make this process the head of a group, so that what it starts can be ended with it."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)


def end_group(leader: int) -> None:
    """End what is left of a group: its head, if it still is, and all that it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def end_after(gone: Callable[[], Any]) -> None:
    """End this process and its group as soon as ``gone`` returns: it waits for whoever started this process.

    A waiting thread works wherever Python does, and reaches what this process has started, which the kernel's own
    parent-death signal does not.
    """

    def watch() -> None:
        gone()
        end_group(os.getpid())
        os._exit(1)  # where there are no groups

    Thread(target=watch, daemon=True).start()
