"""A thread that looks from time to time whether what is being done is still wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def watched(unwanted: Callable[[], bool], end: Callable[[], object], look: float) -> Iterator[None]:
    """Call ``end`` once when the body is no longer wanted; no thread stays after the body.

    Args:
        unwanted: tells whether nobody waits for the body's result any more.
        end: ends what the body waits for, or this process.
        look: seconds between two looks.
    """
    done = Event()

    def watch() -> None:
        while not done.wait(look):
            if unwanted():
                end()
                return

    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()
