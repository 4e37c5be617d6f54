"""Imported once by the server that forks measuring processes: what every cell needs, so that each starts at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

LOOK = 0.1
"""Seconds between two looks whether whoever started the server is still there."""


@contextmanager
def _while_wanted() -> Iterator[None]:
    """End this process, in the middle of an import too, when the one that started it is gone; no thread stays."""
    starter, done = os.getppid(), Event()

    def watch() -> None:
        while not done.wait(LOOK):
            if os.getppid() != starter:
                os._exit(1)

    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


with _while_wanted():
    from costmodel.compat import careful_imports  # imports torch

    with careful_imports():
        import galore_torch
        import peft
        import torchvision

        import validate.step

__all__ = ["galore_torch", "peft", "torchvision", "validate"]
