"""Where a formula holds: a condition on each axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

from costmodel.algebra.notation import TEXT, Wording

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Free:
    """An axis may be anything from a lower bound up.

    Attributes:
        lower: the smallest value.
        upper: the largest value, where there is one.
        multiple: what it is a multiple of.
    """

    lower: int
    upper: int | None = None
    multiple: int = 1

    @property
    def first(self) -> int:
        """The smallest multiple that is allowed."""
        return -(-self.lower // self.multiple) * self.multiple

    def allows(self, value: Any) -> Any:
        """Tell whether the axis may have a value, or for an array of values, which of them."""
        inside = (value >= self.lower) & (value % self.multiple == 0)
        return inside if self.upper is None else inside & (value <= self.upper)

    def ends(self, largest: int) -> tuple[int, int]:
        """Return the smallest and the largest value where the axis is cut off at ``largest``."""
        return self.lower, max(self.lower, largest if self.upper is None else min(self.upper, largest))

    def draw(self, rng: Random, reach: int) -> int:
        """Draw a value from the smallest to ``reach`` above it."""
        furthest = self.lower + max(reach, self.multiple)
        largest = min(self.lower + reach if self.upper is None else self.upper, furthest)
        return rng.randrange(self.lower, largest + 1, self.multiple)

    def meet(self, other: Free) -> Free:
        """Return what is left where this and another condition have to hold."""
        uppers = [end for end in (self.upper, other.upper) if end is not None]
        return Free(max(self.lower, other.lower), min(uppers, default=None), lcm(self.multiple, other.multiple))

    def write(self, wording: Wording, axis: str) -> list[str]:
        """Write the condition."""
        rest = wording.multiple(axis, self.multiple) if self.multiple > 1 else []
        return [*wording.between(axis, self.lower, self.upper), *rest]

    def data(self) -> dict[str, int]:
        """Return what is stored."""
        found = {"lower": self.lower}
        found |= {} if self.upper is None else {"upper": self.upper}
        return found | ({"multiple": self.multiple} if self.multiple > 1 else {})


@dataclass(frozen=True, slots=True)
class Fixed:
    """An axis has one value."""

    value: int

    def allows(self, value: Any) -> Any:
        """Tell whether the axis may have a value, or for an array of values, which of them."""
        return value == self.value

    def ends(self, _largest: int) -> tuple[int, int]:
        """Return the smallest and the largest value."""
        return self.value, self.value

    def draw(self, _rng: Random, _reach: int) -> int:
        """Return the value."""
        return self.value

    def write(self, wording: Wording, axis: str) -> list[str]:
        """Write the condition."""
        return wording.equal(axis, self.value)

    def data(self) -> dict[str, int]:
        """Return what is stored."""
        return {"fixed": self.value}


@dataclass(frozen=True, slots=True)
class Tied:
    """An axis is equal to another one: ``W`` to ``H`` for square images."""

    other: str

    def write(self, wording: Wording, axis: str) -> list[str]:
        """Write the condition."""
        return wording.same(axis, self.other)

    def data(self) -> dict[str, str]:
        """Return what is stored."""
        return {"tied": self.other}


Condition = Free | Fixed | Tied
C = TypeVar("C", Free, Fixed, Tied)

_STORED = ("lower", "upper", "fixed", "multiple", "tied")
"""What is stored of all axes, in order."""


@dataclass(frozen=True)
class Domain:
    """A region of integer points.

    Attributes:
        conditions: what holds for each axis: free axes first, then tied, then fixed ones, as they are told.
    """

    conditions: Mapping[str, Condition]

    def __post_init__(self) -> None:
        """Bring the conditions into their order.

        Raises:
            ValueError: where an axis is tied to one that is neither free nor fixed.
        """
        object.__setattr__(self, "conditions", {**self.free, **self._of(Tied), **self._of(Fixed)})
        if wrong := [axis for axis in self.tied if axis not in self.deciding]:
            raise ValueError(f"tied to no axis: {', '.join(wrong)}")

    # -- conditions of a kind --------------------------------------------------------------------------------------

    def _of(self, kind: type[C]) -> dict[str, C]:
        return {axis: condition for axis, condition in self.conditions.items() if isinstance(condition, kind)}

    @cached_property
    def free(self) -> Mapping[str, Free]:
        """The free axes."""
        return self._of(Free)

    @cached_property
    def fixed(self) -> Mapping[str, int]:
        """The value of each fixed axis."""
        return {axis: condition.value for axis, condition in self._of(Fixed).items()}

    @cached_property
    def tied(self) -> Mapping[str, str]:
        """The axis that each tied one is equal to."""
        return {axis: condition.other for axis, condition in self._of(Tied).items()}

    @cached_property
    def deciding(self) -> Mapping[str, Free | Fixed]:
        """The condition on each axis, that of the other one where it is tied."""
        own: dict[str, Free | Fixed] = {**self.free, **self._of(Fixed)}
        return own | {axis: own[other] for axis, other in self.tied.items() if other in own}

    # -- points ----------------------------------------------------------------------------------------------------

    def contains(self, base: Mapping[str, Any]) -> Any:
        """Tell whether the formula holds at a point, or for arrays of values, at which points."""
        inside: Any = True
        for axis, value in base.items():
            inside = inside & self.allows(axis, value)
        for axis, other in self.tied.items():
            if axis in base and other in base:
                inside = inside & (base[axis] == base[other])
        return inside

    def allows(self, axis: str, value: Any) -> Any:
        """Tell whether an axis may have a value, or for an array of values, which of them."""
        condition = self.deciding.get(axis)
        return condition is not None and condition.allows(value)

    def along(self, axis: str) -> Free | None:
        """Return the condition on a free axis, or on the free one that it is tied to."""
        return self.free.get(self.tied.get(axis, axis))

    def frees(self, axis: str) -> bool:
        """Tell whether an axis is free."""
        return self.along(axis) is not None

    def draw(self, rng: Random, reach: int = 400) -> dict[str, int]:
        """Draw a point of the domain: each free axis from its smallest value to ``reach`` above it."""
        own = {axis: condition for axis, condition in self.deciding.items() if axis not in self.tied}
        point = {axis: condition.draw(rng, reach) for axis, condition in own.items()}
        return point | {axis: point[other] for axis, other in self.tied.items()}

    def corner(self) -> dict[str, int]:
        """Return the point of the domain whose free axes are the smallest."""
        return {axis: condition.ends(0)[0] for axis, condition in self.deciding.items()}

    # -- other domains ---------------------------------------------------------------------------------------------

    def but(self, conditions: Mapping[str, Condition]) -> Domain:
        """Return the domain with other conditions on some axes."""
        return Domain({**self.conditions, **conditions})

    def bind(self, values: Mapping[str, int | str]) -> Domain:
        """Return the domain that is left when axes get values (integers) or other names (strings)."""
        left: dict[str, Free] = {}
        for axis, condition in self.free.items():
            name = values.get(axis, axis)
            if isinstance(name, str):
                left[name] = condition.meet(left.get(name, condition))
        return Domain({**left, **{axis: Fixed(value) for axis, value in self.fixed.items() if axis not in values}})

    # -- as text and data ------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, str]:
        """Say the condition on each axis: ``{"N": "N >= 1", "r": "2 <= r <= 64", "H": "H = 32"}``."""
        return {axis: ", ".join(condition.write(TEXT, axis)) for axis, condition in self.conditions.items()}

    def to_dict(self) -> dict[str, dict[str, int | str]]:
        """Return plain data that `from_dict` reads back: what is stored of each axis, by what it is."""
        stored = {axis: condition.data() for axis, condition in self.conditions.items()}
        found = {name: {axis: data[name] for axis, data in stored.items() if name in data} for name in _STORED}
        return {name: values for name, values in found.items() if values}

    @staticmethod
    def from_dict(data: Mapping[str, Mapping[str, Any]]) -> Domain:
        """Read plain data.

        Raises:
            KeyError, TypeError, ValueError: when the data is not a domain.
        """
        given: dict[str, dict[str, Any]] = {}
        for name in _STORED:
            for axis, value in data.get(name, {}).items():
                given.setdefault(str(axis), {})[name] = value
        return Domain({axis: _read(parts) for axis, parts in given.items()})


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Condition]] = {
    "lower": lambda parts: Free(**{name: int(value) for name, value in parts.items()}),
    "fixed": lambda parts: Fixed(int(parts["fixed"])),
    "tied": lambda parts: Tied(str(parts["tied"])),
}
"""Each kind of condition by what only it has."""


def _read(parts: Mapping[str, Any]) -> Condition:
    (kind,) = parts.keys() & _READERS.keys()
    return _READERS[kind](parts)
