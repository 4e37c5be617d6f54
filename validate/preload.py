"""Imported once by the server that forks measuring processes: what every cell needs, so that each starts at once."""

from costmodel.compat import careful_imports

with careful_imports():
    import galore_torch
    import peft
    import torchvision

    import validate.step

__all__ = ["galore_torch", "peft", "torchvision", "validate"]
