"""Depth 2 on a GPU: ``torch.cuda.max_memory_allocated`` beside live storages, each rounded up as the allocator does."""

from __future__ import annotations

import torch

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.errors import InputError
from validate.step.instruments import MemoryMeter
from validate.step.run import run

ROUNDING = 512
"""Bytes that CUDA's caching allocator rounds every block up to (``kMinBlockSize`` in ``CUDACachingAllocator.cpp``)."""


class RoundedMeter(MemoryMeter):
    """The memory recorder, with every storage as large as its block, and with the input batch."""

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Count what is there before the step."""
        super().attach(model, optimizer, batch)
        self._ignored.clear()
        for tensor in batch:
            self._count(tensor, "act")

    def _size(self, storage: torch.UntypedStorage) -> int:
        return -(-storage.nbytes() // ROUNDING) * ROUNDING


def measure(setup: Setup, point: Point) -> dict[str, int]:
    """Run the real step on the device without a recorder.

    Returns:
        ``cuda.peak``: bytes that the allocator had given out at most.

    Raises:
        InputError: where there is no device.
    """
    device = require_device()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    run(setup, point, device="cuda")
    torch.cuda.synchronize(device)
    return {"cuda.peak": torch.cuda.max_memory_allocated(device) - before}


def predict(setup: Setup, point: Point) -> dict[str, int]:
    """Run the step on the device under the recorder: its operators are the device's own, not those that are traced.

    Raises:
        InputError: where there is no device.
    """
    require_device()
    return {"cuda.peak": rounded_peak(setup, point, "cuda")}


def rounded_peak(setup: Setup, point: Point, device: str) -> int:
    """Return the largest sum of live storages, each rounded up, of a real step on a device."""
    meter = RoundedMeter()
    run(setup, point, meter, device=device)
    return meter.peak


def require_device() -> torch.device:
    """Return the device.

    Raises:
        InputError: where there is none.
    """
    if not torch.cuda.is_available():
        raise InputError("depth cuda is skipped: there is no CUDA device here")
    return torch.device("cuda", torch.cuda.current_device())
