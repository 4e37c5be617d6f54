"""Where a formula holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Domain:
    """A region of integer points: some axes free from a lower bound up, the others fixed to one value.

    Attributes:
        lower: smallest value of each free axis.
        upper: largest value of a free axis, where there is one.
        fixed: value of each fixed axis.
        multiple: what a free axis is a multiple of, where that is more than 1.
        tied: axes that are equal to a free one: ``{"W": "H"}`` for square images.
    """

    lower: Mapping[str, int]
    upper: Mapping[str, int]
    fixed: Mapping[str, int]
    multiple: Mapping[str, int] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)

    def contains(self, base: Mapping[str, int]) -> bool:
        """Tell whether the formula holds at a point."""
        return all(self.allows(axis, value) for axis, value in base.items()) and all(
            base[axis] == base[other] for axis, other in self.tied.items() if axis in base and other in base
        )

    def allows(self, axis: str, value: int) -> bool:
        """Tell whether an axis may have a value."""
        axis = self.tied.get(axis, axis)
        if axis in self.fixed:
            return self.fixed[axis] == value
        if axis not in self.lower:
            return False
        return self.lower[axis] <= value <= self.upper.get(axis, value) and value % self.multiple.get(axis, 1) == 0

    def frees(self, axis: str) -> bool:
        """Tell whether an axis is free."""
        return self.tied.get(axis, axis) in self.lower

    def draw(self, rng: Random, reach: int = 400) -> dict[str, int]:
        """Draw a point of the domain: each free axis from its smallest value to ``reach`` above it."""
        point = dict(self.fixed)
        for axis, lower in self.lower.items():
            step = self.multiple.get(axis, 1)
            largest = min(self.upper.get(axis, lower + reach), lower + max(reach, step))
            point[axis] = rng.randrange(lower, largest + 1, step)
        return point | {axis: point[other] for axis, other in self.tied.items()}

    def bind(self, values: Mapping[str, int | str]) -> Domain:
        """Return the domain that is left when axes get values (integers) or other names (strings)."""
        lower: dict[str, int] = {}
        upper: dict[str, int] = {}
        multiple: dict[str, int] = {}
        for axis, bound in self.lower.items():
            name = values.get(axis, axis)
            if isinstance(name, str):
                lower[name] = max(bound, lower.get(name, bound))
                if axis in self.upper:
                    upper[name] = min(self.upper[axis], upper.get(name, self.upper[axis]))
                if axis in self.multiple:
                    multiple[name] = self.multiple[axis]
        fixed = {axis: value for axis, value in self.fixed.items() if axis not in values}
        return Domain(lower, upper, fixed, multiple, {})

    def describe(self) -> dict[str, str]:
        """Say the condition on each axis: ``{"N": "N >= 1", "r": "2 <= r <= 64", "H": "H = 32"}``."""
        free = {
            axis: (f"{bound} <= {axis} <= {self.upper[axis]}" if axis in self.upper else f"{axis} >= {bound}")
            + (f", a multiple of {self.multiple[axis]}" if axis in self.multiple else "")
            for axis, bound in self.lower.items()
        }
        tied = {axis: f"{axis} = {other}" for axis, other in self.tied.items()}
        return free | tied | {axis: f"{axis} = {value}" for axis, value in self.fixed.items()}
