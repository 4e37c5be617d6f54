"""One cell by names and numbers, and the first depth: what its operators do on the real step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from costmodel import subjects
from costmodel.contract import DEFAULT_CLASSES, PHASES, Point
from costmodel.methods import Options, find
from costmodel.request import request_at
from costmodel.setup import Setup
from costmodel.source import Source
from costmodel.training import Training
from validate.depths import OPERATORS


@dataclass(frozen=True)
class CellSpec:
    """A cell by names and numbers, so that it can be sent to another process and written down.

    Attributes:
        model: a name or a factory's address, as `costmodel.subjects.find` takes it.
        method: a name.
        point: N, H, W, S, r; the axes that the cell has.
        classes, inputs, aux: as `costmodel.subjects.find` takes them.
        options: fields of `Options` that are not at their default.
        training: fields of `Training` that are not at their default.
        depth: what it is watched by, a name in `validate.depths.DEPTHS`.
    """

    model: str
    method: str
    point: Mapping[str, int]
    classes: int = DEFAULT_CLASSES
    inputs: str | None = None
    aux: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    depth: str = OPERATORS

    @property
    def setup(self) -> Setup:
        """The cell without its point."""
        subject = subjects.find(self.model, self.classes, self.inputs, self.aux)
        return Setup(subject, find(self.method), Options(**self.options), Training(**self.training))

    @property
    def at(self) -> Point:
        """The point."""
        return Point.of(self.point)

    @property
    def key(self) -> str:
        """One line that says all there is to the cell; the depth of old is left out, as it was then."""
        told = asdict(self)
        if self.depth == OPERATORS:
            del told["depth"]
        return json.dumps(told, sort_keys=True)


def measure(setup: Setup, point: Point) -> dict[str, int]:
    """Run the real step once under the memory meter and the FLOP counters.

    Returns:
        Every measurable quantity under its name in `costmodel.formula.QUANTITIES`: bytes and FLOPs.
    """
    from validate.instruments import FlopMeter, MemoryMeter
    from validate.step import run

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
