"""Where a formula holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Domain:
    """A region of integer points: some axes free from a lower bound up, the others fixed to one value.

    Attributes:
        lower: smallest value of each free axis.
        upper: largest value of a free axis, where there is one.
        fixed: value of each fixed axis.
    """

    lower: Mapping[str, int]
    upper: Mapping[str, int]
    fixed: Mapping[str, int]

    def contains(self, base: Mapping[str, int]) -> bool:
        """Tell whether the formula holds at a point."""
        return all(base.get(axis) == value for axis, value in self.fixed.items()) and all(
            bound <= base[axis] <= self.upper.get(axis, base[axis]) for axis, bound in self.lower.items()
        )

    def bind(self, values: Mapping[str, int | str]) -> Domain:
        """Return the domain that is left when axes get values (integers) or other names (strings)."""
        lower: dict[str, int] = {}
        upper: dict[str, int] = {}
        for axis, bound in self.lower.items():
            name = values.get(axis, axis)
            if isinstance(name, str):
                lower[name] = max(bound, lower.get(name, bound))
                if axis in self.upper:
                    upper[name] = min(self.upper[axis], upper.get(name, self.upper[axis]))
        return Domain(lower, upper, {axis: value for axis, value in self.fixed.items() if axis not in values})

    def describe(self) -> dict[str, str]:
        """Say the condition on each axis: ``{"N": "N >= 1", "r": "2 <= r <= 64", "H": "H = 32"}``."""
        free = {
            axis: f"{bound} <= {axis} <= {self.upper[axis]}" if axis in self.upper else f"{axis} >= {bound}"
            for axis, bound in self.lower.items()
        }
        return free | {axis: f"{axis} = {value}" for axis, value in self.fixed.items()}
