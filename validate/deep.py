"""One cell at a depth of one's choice: predicted beside measured, equal or with a relative error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from costmodel.cell.setup import Setup
from costmodel.cell.words import described
from costmodel.contract import Point
from costmodel.errors import InputError
from costmodel.sources.versions import installed
from validate.cell import CellSpec
from validate.depths import DEPTHS, Depth
from validate.workers.isolated import Answer
from validate.workers.limits import Limits
from validate.workers.pool import pool

Number = int | float


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number: what was predicted, and what was measured; bytes, FLOPs or seconds."""

    name: str
    predicted: Number
    measured: Number

    @property
    def difference(self) -> Number:
        """Measured minus predicted; 0 when they are equal."""
        return self.measured - self.predicted

    @property
    def error(self) -> float | None:
        """Predicted over measured, minus 1: 0.05 for 5% too much; ``None`` where nothing was measured."""
        return self.predicted / self.measured - 1 if self.measured else None


@dataclass(frozen=True, slots=True)
class Sounding:
    """All numbers of one cell at one depth.

    Attributes:
        depth: what it was watched by.
        setup, point: the cell.
        alias: the name that its model was asked for by, where it is another.
        quantities: number by number.
        notes: what was left out, and why.
        seconds: that the measurement took.
    """

    depth: Depth
    setup: Setup
    point: Point
    alias: str | None
    quantities: tuple[Quantity, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def equal(self) -> bool | None:
        """Whether every prediction is what was measured; ``None`` for estimates, of which that is not asked."""
        return all(one.difference == 0 for one in self.quantities) if self.depth.exact else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        kept = ("model", "method", "optimizer", "loss", "classes", "inputs", "options", "training")
        cell = described(self.setup, self.alias)
        rows = []
        for one in self.quantities:
            row: dict[str, Any] = {"quantity": one.name, "instrument": self.depth.name}
            row |= {"predicted": one.predicted, "measured": one.measured, "difference": one.difference}
            rows.append(row if self.depth.exact else {**row, "error": one.error})
        return {
            "schema": "costmodel.validate/1",
            "depth": self.depth.name,
            **{name: cell[name] for name in kept},
            "point": self.point.values(),
            "equal": self.equal,
            "rows": rows,
            "notes": list(self.notes),
            "versions": installed((*self.setup.method.packages, *self.setup.subject.packages)),
        }


def sound(spec: CellSpec, alias: str | None = None, say: Callable[[str], None] = lambda _: None) -> Sounding:
    """Predict a cell, measure it in a process of its own, and put both side by side.

    Args:
        spec: the cell, its depth included.
        alias: the name that its model was asked for by, where it is another.
        say: told what runs next.

    Raises:
        CostModelError: where there is no prediction, or the measurement fails.
    """
    depth, setup, point = DEPTHS[spec.depth], spec.setup, spec.at
    say(f"predicting {depth.about}")
    predicted = depth.predict(setup, point)
    say(f"measuring {depth.about}")
    answer = _measured(spec)
    if "measured" not in answer:
        reason = answer.get("refused") or answer["failed"]
        raise InputError(f"the {depth.name} measurement of {setup.label} at {spec.point} fails: {reason}")
    measured = answer["measured"]
    quantities = tuple(Quantity(name, predicted[name], value) for name, value in measured.items() if name in predicted)
    return Sounding(depth, setup, point, alias, quantities, depth.notes(setup, point), answer["seconds"])


def _measured(spec: CellSpec) -> Answer:
    ((_, answer),) = pool(1, Limits())(iter([spec]))
    return answer
