"""Depth 2 on a GPU: ``torch.cuda.max_memory_allocated`` beside live storages, each rounded up as the allocator does.

Measuring takes a device; the prediction is made from a trace on shapes and takes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.errors import InputError
from validate.cell import CellSpec
from validate.depths.base import Depth

if TYPE_CHECKING:
    import torch

UNKNOWN = (
    "the prediction is the live storages of the step's operators as the CPU runs them; it cannot know workspaces of "
    "cuDNN and cuBLAS, operators that CUDA runs otherwise, and blocks that the allocator does not split"
)


class Cuda(Depth):
    """CUDA's allocator, beside a trace on shapes."""

    def measure(self, spec: CellSpec) -> dict[str, int]:
        """Run the real step on the device without a recorder.

        Returns:
            ``cuda.peak``: bytes that the allocator had given out at most.

        Raises:
            InputError: where there is no device.
        """
        import torch

        from validate.step.run import run

        device = require_device()
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run(spec.setup, spec.at, device="cuda")
        torch.cuda.synchronize(device)
        return {"cuda.peak": torch.cuda.max_memory_allocated(device) - before}

    def predict(self, setup: Setup, point: Point) -> dict[str, int]:
        """Return the largest sum of live storages and the input batch, each in whole blocks of the allocator."""
        from costmodel.machine.blocks import blocks_peak
        from costmodel.tracing.step import record_step

        return {"cuda.peak": blocks_peak(record_step(setup, point))}

    def notes(self, setup: Setup, point: Point) -> tuple[str, ...]:  # noqa: ARG002  # true of every cell
        """Say what the prediction cannot know."""
        return (UNKNOWN,)


def require_device() -> torch.device:
    """Return the device.

    Raises:
        InputError: where there is none.
    """
    import torch

    if not torch.cuda.is_available():
        raise InputError("depth cuda is skipped: there is no CUDA device here")
    return torch.device("cuda", torch.cuda.current_device())


DEPTH = Cuda(
    "cuda",
    "bytes that CUDA's allocator gives out, against live storages rounded up to 512 bytes",
    exact=False,
    headline="cuda.peak",
)
