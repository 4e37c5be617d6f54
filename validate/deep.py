"""One cell at a depth of one's choice: predicted beside measured, equal or with a relative error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.errors import InputError
from costmodel.sources.versions import installed
from validate.cell import CellSpec
from validate.compare import Measured, Row, cell_of
from validate.depths import DEPTHS, Depth
from validate.workers.isolated import Answer
from validate.workers.limits import Limits
from validate.workers.pool import pool


@dataclass(frozen=True)
class Sounding(Measured):
    """The numbers of one depth.

    Attributes:
        depth: what the cell was watched by.
        setup, point: the cell.
        alias: the name that its model was asked for by, where it is another.
        seconds: that the measurement took.
    """

    depth: Depth
    setup: Setup
    point: Point
    alias: str | None
    seconds: float

    @property
    def cell(self) -> dict[str, Any]:
        """The depth, the cell and its point."""
        return {"depth": self.depth.name, **cell_of(self.setup, self.point.values())}

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the packages that are installed here."""
        return installed((*self.setup.method.packages, *self.setup.subject.packages))

    @property
    def exact(self) -> bool:
        """As its depth is."""
        return self.depth.exact


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
    rows = (Row(name, depth.name, predicted[name], value) for name, value in measured.items() if name in predicted)
    return Sounding(tuple(rows), depth.notes(setup, point), depth, setup, point, alias, answer["seconds"])


def _measured(spec: CellSpec) -> Answer:
    ((_, answer),) = pool(1, Limits())(iter([spec]))
    return answer
