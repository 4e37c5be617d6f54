"""Named intermediate sizes: the extents of a step that are not products of the base symbols.

Three definitions suffice:

* ``Strided``: floor((axis + offset) / divisor). A convolution or pooling window maps a size of this form to another of
  this form, ``floor((floor((H + b)/s) + c)/t) = floor((H + b + s*c)/(s*t))`` for positive integers, so every stage has
  one canonical definition directly in ``H`` or ``W``.
* ``Tokens``: (axis / divisor)**2 + extra, the tokens of a square image cut into patches, class token included.
* ``Capped``: Min(r, limit), the effective rank of a matrix whose smaller side is ``limit``.

Each is a class with all that is to be known of it, and a row of `KINDS`; another one is a class and a row more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from math import isqrt
from typing import Any, ClassVar

from costmodel.algebra.notation import NUMBERS, TEXT, Extremes, Operations, T


@dataclass(frozen=True, slots=True)
class Size(ABC):
    """A size that follows from one axis and never falls along it.

    Attributes:
        kind: names the class in stored formulas.
        axes: the base symbols that have sizes of the kind.
        saturates: whether it stops growing.
        axis: the base symbol, or what that was renamed to.
    """

    kind: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]
    saturates: ClassVar[bool] = False
    axis: str

    @abstractmethod
    def define(self, operations: Operations[T], value: T) -> T:
        """Make the size of a value of its axis: a number, or the text of an expression in some language."""

    # -- names -----------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def key(self) -> str:
        """Canonical name before sizes are numbered; two equal definitions have one key."""

    @property
    @abstractmethod
    def letter(self) -> str:
        """What its short name begins with."""

    @property
    def number(self) -> int | None:
        """What its short name ends with; ``None`` where the sizes of its letter are counted."""
        return None

    @property
    @abstractmethod
    def order(self) -> tuple[str, int, int]:
        """What sizes are sorted by before they are counted."""

    def renamed(self, axis: str) -> Size:
        """Return the size of an axis of another name."""
        return replace(self, axis=axis)

    def row(self) -> list[Any]:
        """Return plain data that `read` reads back."""
        return [self.kind, *astuple(self)]

    # -- values ----------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The definition as an expression in its axis."""
        return self.define(TEXT, self.axis)

    def at(self, base: Mapping[str, int]) -> int:
        """Evaluate at a point."""
        return self.define(NUMBERS, base[self.axis])

    def reach(self, values: Iterable[int]) -> int:
        """Return the largest absolute number that comes up while it is evaluated at some values of its axis."""
        seen = Extremes()
        for value in values:
            self.define(seen, value)
        return seen.largest

    @abstractmethod
    def smallest(self, size: int) -> int:
        """Return the smallest value of the axis at which this size is at least ``size``."""

    def tokens(self, _extra: int) -> Tokens | None:
        """Return the square of this size plus a number, where that is a count of tokens."""
        return None

    # -- as polynomials, for the proof of which term wins ------------------------------------------------------------

    @property
    def period(self) -> int:
        """In steps of this along the axis the size is a polynomial, between two of its corners."""
        return 1

    @property
    def corners(self) -> tuple[int, ...]:
        """Values of the axis up to which, and from which on, it is another polynomial."""
        return ()

    @abstractmethod
    def along(self, start: int, period: int) -> tuple[int, ...]:
        """Return coefficients in x of this size at axis = start + period*x, for a multiple of its own period.

        Up to the next corner only, or for ever from the last one on.
        """


@dataclass(frozen=True, slots=True)
class Strided(Size):
    """The size floor((axis + offset) / divisor), ``axis`` being ``H``, ``W`` or ``S``."""

    kind: ClassVar[str] = "strided"
    axes: ClassVar[tuple[str, ...]] = ("H", "W", "S")
    divisor: int
    offset: int

    def define(self, operations: Operations[T], value: T) -> T:
        return operations.floor(value, self.offset, self.divisor)

    @property
    def key(self) -> str:
        return self.axis if (self.divisor, self.offset) == (1, 0) else f"{self.axis}:{self.divisor}:{self.offset}"

    @property
    def letter(self) -> str:
        return self.axis.lower()

    @property
    def order(self) -> tuple[str, int, int]:
        return self.axis, self.divisor, -self.offset

    def smallest(self, size: int) -> int:
        return size * self.divisor - self.offset

    @property
    def period(self) -> int:
        return self.divisor

    def along(self, start: int, period: int) -> tuple[int, ...]:
        return (start + self.offset) // self.divisor, period // self.divisor

    def tokens(self, extra: int) -> Tokens | None:
        return None if self.offset else Tokens(self.axis, self.divisor, extra)


@dataclass(frozen=True, slots=True)
class Tokens(Size):
    """The size (axis / divisor)**2 + extra, for an axis that is a multiple of the divisor."""

    kind: ClassVar[str] = "tokens"
    axes: ClassVar[tuple[str, ...]] = ("H", "W")
    divisor: int
    extra: int

    def define(self, operations: Operations[T], value: T) -> T:
        return operations.square(operations.floor(value, 0, self.divisor), self.extra)

    @property
    def key(self) -> str:
        return f"{self.axis}**2:{self.divisor}:{self.extra}"

    @property
    def letter(self) -> str:
        return "t"

    @property
    def order(self) -> tuple[str, int, int]:
        return self.axis, self.divisor, self.extra

    def smallest(self, size: int) -> int:
        wanted = max(0, size - self.extra)
        return self.divisor * (isqrt(wanted - 1) + 1 if wanted else 0)

    @property
    def period(self) -> int:
        return self.divisor

    def along(self, start: int, period: int) -> tuple[int, ...]:
        side, step = start // self.divisor, period // self.divisor
        return side**2 + self.extra, 2 * side * step, step**2


@dataclass(frozen=True, slots=True)
class Capped(Size):
    """The size Min(axis, limit): a rank that saturates at the smaller side of a matrix."""

    kind: ClassVar[str] = "capped"
    axes: ClassVar[tuple[str, ...]] = ("r",)
    saturates: ClassVar[bool] = True
    limit: int

    def define(self, operations: Operations[T], value: T) -> T:
        return operations.smaller(value, self.limit)

    @property
    def key(self) -> str:
        return f"{self.axis}^{self.limit}"

    @property
    def letter(self) -> str:
        return self.axis

    @property
    def number(self) -> int:
        return self.limit

    @property
    def order(self) -> tuple[str, int, int]:
        return self.axis, self.limit, 0

    def smallest(self, size: int) -> int:
        if size > self.limit:
            raise ValueError(f"{self.text} never reaches {size}")
        return size

    @property
    def corners(self) -> tuple[int, ...]:
        return (self.limit,)

    def along(self, start: int, period: int) -> tuple[int, ...]:
        return (self.limit,) if start >= self.limit else (start, period)


KINDS: Mapping[str, Callable[..., Size]] = {size.kind: size for size in (Strided, Tokens, Capped)}


def read(row: Sequence[Any]) -> Size:
    """Read what `Size.row` returned.

    Raises:
        KeyError, TypeError, ValueError: when the data is not a size.
    """
    kind, axis, *numbers = row
    return KINDS[kind](str(axis), *map(int, numbers))


@dataclass(frozen=True, slots=True)
class Affine:
    """The extent scale*size + shift: what windows, padding and slices make of a named size."""

    scale: int
    size: Strided
    shift: int

    def at(self, base: Mapping[str, int]) -> int:
        """Evaluate at a point."""
        return self.scale * self.size.at(base) + self.shift

    def plus(self, number: int) -> Affine:
        """Add a number; one that is added to a bare size goes into its definition."""
        return self.over(1, number) if self.scale == 1 else Affine(self.scale, self.size, self.shift + number)

    def over(self, divisor: int, number: int = 0) -> Affine:
        """Return floor((self + number) / divisor).

        Raises:
            ArithmeticError: when that is not affine in one size.
        """
        number += self.shift
        if self.scale == 1:
            grown = self.size.divisor * divisor
            return Affine(1, Strided(self.size.axis, grown, self.size.offset + self.size.divisor * number), 0)
        if self.scale % divisor:
            raise ArithmeticError(f"floor(({self.scale}*{self.size.text} + {number})/{divisor}) is no named size")
        return Affine(self.scale // divisor, self.size, number // divisor)

    def window(self, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> Affine:
        """Return the number of positions of a convolution or pooling window over this extent.

        floor((h + 2*padding - dilation*(kernel - 1) - 1)/stride) + 1, the rule of ``torch.nn.Conv2d``; rounded up with
        ``ceil_mode``, where torch drops a last window that would start in the right padding.

        Raises:
            ArithmeticError: where whether a window is dropped depends on the size.
        """
        reach = dilation * (kernel - 1) + 1
        if ceil_mode and reach <= padding + stride - 1:
            raise ArithmeticError("a window rounded up may start in the padding")
        return self.over(stride, 2 * padding - reach + stride + (stride - 1 if ceil_mode else 0))


def name_sizes(sizes: Iterable[Size]) -> dict[str, str]:
    """Give each size a short name: ``h1``, ``w1``, ... by growing stride, ``t1`` for tokens, ``r9`` for Min(r, 9).

    Returns:
        Mapping from a size's ``key`` to its name. A base symbol keeps its own name.
    """
    names: dict[str, str] = {}
    counters: Counter[str] = Counter()
    for size in sorted(sizes, key=lambda size: size.order):
        if size.key == size.axis:
            names[size.key] = size.axis
            continue
        if size.number is None:
            counters[size.letter] += 1
        names[size.key] = f"{size.letter}{counters[size.letter] if size.number is None else size.number}"
    return names
