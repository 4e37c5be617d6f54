"""Depth 2: the allocations that really happen in a step, beside tensors and what kernels make for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.cell.setup import Setup
from costmodel.cell.training import require_float32
from costmodel.contract import Point
from validate.cell import CellSpec
from validate.depths.base import Depth

if TYPE_CHECKING:
    from costmodel.machine.workspaces import AllocatorPeak


class Allocator(Depth):
    """``torch.profiler``, beside a trace on shapes."""

    def measure(self, spec: CellSpec) -> dict[str, int]:
        """Run the real step under the profiler, on one thread.

        Returns:
            ``allocator.peak`` in bytes.
        """
        from costmodel.machine.workspaces import THREADS
        from validate.step.allocations import AllocationMeter
        from validate.step.run import run
        from validate.step.stopwatch import threads

        meter = AllocationMeter()
        with threads(THREADS):
            run(spec.setup, spec.at, meter)
        return {"allocator.peak": meter.peak()}

    def predict(self, setup: Setup, point: Point) -> dict[str, int]:
        """Return the peak of the tensors and of what the kernels make for themselves."""
        require_float32(setup.training, "what kernels allocate is")
        return {"allocator.peak": _peak(setup, point).nbytes}

    def notes(self, setup: Setup, point: Point) -> tuple[str, ...]:
        """Say what the peak consists of, and that a GPU is another depth."""
        import torch

        peak = _peak(setup, point)
        held = ", ".join(f"{name} {nbytes:,}" for name, nbytes in peak.workspaces.items()) or "nothing"
        found = f"the predicted peak is inside {peak.operator}: tensors {peak.tensors:,} bytes; its kernel holds {held}"
        return (found,) if torch.cuda.is_available() else (found, "depth cuda is skipped: there is no CUDA device here")


def _peak(setup: Setup, point: Point) -> AllocatorPeak:
    from costmodel.machine.workspaces import allocator_peak, this_host
    from costmodel.tracing.step import record_step

    return allocator_peak(record_step(setup, point), this_host())


DEPTH = Allocator(
    "allocator",
    "bytes that the step really allocates, the kernels' own workspaces included",
    exact=False,
    headline="allocator.peak",
)
