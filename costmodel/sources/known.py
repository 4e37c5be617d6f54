"""Formulas at hand, and where they were checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from costmodel.algebra.formula import Derivation
from costmodel.contract import Point
from costmodel.sources.rehearsed import Rehearsed


@dataclass(frozen=True, slots=True)
class Known:
    """A derivation that is at hand, and what is known of it.

    Attributes:
        derivation: the closed form.
        checked: the points at which it was compared with a trace, and whether it holds there.
        rehearsed: what the rehearsal of the cell has found, where one was held with it.
    """

    derivation: Derivation
    checked: dict[Point, bool] = field(default_factory=dict)
    rehearsed: list[Rehearsed] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        checked = [[point.values(), holds] for point, holds in self.checked.items()]
        rehearsed = [[held.point, held.reason] for held in self.rehearsed]
        return {**self.derivation.to_dict(), "checked": checked, "rehearsed": rehearsed}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Known:
        """Read plain data.

        Raises:
            KeyError, TypeError, ValueError, IndexError: when the data is not a derivation.
        """
        checked = {Point.of({axis: int(at) for axis, at in point.items()}): bool(was) for point, was in data["checked"]}
        held = [
            Rehearsed({str(axis): int(value) for axis, value in point.items()}, str(reason))
            for point, reason in data["rehearsed"]
        ]
        return Known(Derivation.from_dict(data), checked, held)
