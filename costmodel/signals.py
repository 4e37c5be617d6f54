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
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # whoever started it wants it so
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _unraisable
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
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
    """Start processes that Ctrl-C does not reach: this one ends them. A Ctrl-C meanwhile is raised at the end.

    They inherit that it is blocked. That it is ignored they would inherit too, but then this one would lose it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where processes inherit neither
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # when it is started, and that is with the first process, it unblocks Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
