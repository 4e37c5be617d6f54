"""Depth 1: what the operators of the real step do, tensor by tensor and FLOP by FLOP."""

from __future__ import annotations

from costmodel.cell.request import request_at
from costmodel.cell.setup import Setup
from costmodel.contract import PHASES, Point
from costmodel.sources.source import Source
from validate.cell import OPERATORS, CellSpec
from validate.depths.base import Depth


class Operators(Depth):
    """The memory meter and the FLOP counters, beside the closed forms."""

    def measure(self, spec: CellSpec) -> dict[str, int]:
        """Run the real step once.

        Returns:
            Every measurable quantity under its name in `costmodel.algebra.formula.QUANTITIES`: bytes and FLOPs.
        """
        from validate.step.instruments import FlopMeter, MemoryMeter
        from validate.step.run import run

        flops, memory = FlopMeter(), MemoryMeter()
        run(spec.setup, spec.at, flops, memory)
        measured = {f"memory.{group}": peak for group, peak in memory.peaks.items()} | {"memory.peak": memory.peak}
        for phase in PHASES:
            measured[f"kind.matmul.{phase}"] = flops.products[phase]
            measured[f"flops.torch.{phase}"] = flops.torch[phase]
            measured[f"flops.paper.{phase}"] = flops.paper[phase]
        return measured

    def predict(self, setup: Setup, point: Point) -> dict[str, int]:
        """Evaluate the closed forms: every quantity of `measure`, and what no instrument measures.

        Raises:
            CostModelError: where there is no closed form, or the model does not take the size.
        """
        values = point.values()
        return Source(setup, rehearsing=False).derivation(request_at(setup, values)).formula.evaluate(values)


DEPTH = Operators(OPERATORS, "tensors and FLOPs, operator by operator", exact=True, headline="memory.peak", unit="")
