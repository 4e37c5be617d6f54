"""Ctrl-C and SIGTERM: what is being written is removed, one line says so, and the exit status is the shell's."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit statuses after Ctrl-C and after SIGTERM, as shells have them."""


class TerminationError(BaseException):
    """SIGTERM: takes the same way out as Ctrl-C."""


@contextmanager
def raised() -> Iterator[None]:
    """Raise Ctrl-C and SIGTERM where the program stands; afterwards, with nothing left to do, they end it at once."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _unraisable
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TerminationError


def _unraisable(found: Any) -> None:
    """Send a Ctrl-C again that came where nothing can be raised, such as in a destructor."""
    if not issubclass(found.exc_type, (KeyboardInterrupt, TerminationError)):
        sys.__unraisablehook__(found)
    elif hasattr(signal, "setitimer"):  # at once it would be raised in here
        signal.signal(signal.SIGALRM, _terminate if found.exc_type is TerminationError else signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001)


@contextmanager
def ignored_by_children() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: this one ends them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # signals belong to the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
