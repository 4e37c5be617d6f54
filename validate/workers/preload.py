"""Imported once by the server that forks measuring processes: what every cell needs, so that each starts at once."""

import os

from validate.workers.watch import watched

LOOK = 0.1
"""Seconds between two looks whether whoever started the server is still there."""

STARTER = os.getppid()

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler writes a line whenever it starts and stops

# In the middle of an import too.
with watched(lambda: os.getppid() != STARTER, lambda: os._exit(1), LOOK):
    from costmodel.compat import careful_imports  # imports torch

    with careful_imports():
        import galore_torch
        import peft
        import torchvision

        import validate.step.run

__all__ = ["galore_torch", "peft", "torchvision", "validate"]
