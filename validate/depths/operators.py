"""Depth 1: what the operators of the real step do, tensor by tensor and FLOP by FLOP."""

from __future__ import annotations

from costmodel.cell.request import request_at
from costmodel.cell.setup import Setup
from costmodel.contract import PHASES, Point
from costmodel.sources.source import Source


def measure(setup: Setup, point: Point) -> dict[str, int]:
    """Run the real step once under the memory meter and the FLOP counters.

    Returns:
        Every measurable quantity under its name in `costmodel.algebra.formula.QUANTITIES`: bytes and FLOPs.
    """
    from validate.step.instruments import FlopMeter, MemoryMeter
    from validate.step.run import run

    flops, memory = FlopMeter(), MemoryMeter()
    run(setup, point, flops, memory)
    measured = {f"memory.{group}": peak for group, peak in memory.peaks.items()} | {"memory.peak": memory.peak}
    for phase in PHASES:
        measured[f"kind.matmul.{phase}"] = flops.products[phase]
        measured[f"flops.torch.{phase}"] = flops.torch[phase]
        measured[f"flops.paper.{phase}"] = flops.paper[phase]
    return measured


def predict(setup: Setup, point: Point) -> dict[str, int]:
    """Evaluate the closed forms: every quantity of `measure`, and what no instrument measures.

    Raises:
        CostModelError: where there is no closed form, or the model does not take the size.
    """
    values = point.values()
    return Source(setup).derivation(request_at(setup, values)).formula.evaluate(values)
