"""Named intermediate sizes: the extents of a step that are not products of the base symbols.

Three definitions suffice:

* ``Strided``: floor((axis + offset) / divisor). A convolution or pooling window maps a size of this form to another of
  this form, ``floor((floor((H + b)/s) + c)/t) = floor((H + b + s*c)/(s*t))`` for positive integers, so every stage has
  one canonical definition directly in ``H`` or ``W``.
* ``Tokens``: (axis / divisor)**2 + extra, the tokens of a square image cut into patches, class token included.
* ``Capped``: Min(r, limit), the effective rank of a matrix whose smaller side is ``limit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strided:
    """The size floor((axis + offset) / divisor), ``axis`` being ``H``, ``W`` or ``S``."""

    axis: str
    divisor: int
    offset: int

    @property
    def key(self) -> str:
        """Canonical name before sizes are numbered; two equal definitions have one key."""
        return self.axis if (self.divisor, self.offset) == (1, 0) else f"{self.axis}:{self.divisor}:{self.offset}"

    @property
    def text(self) -> str:
        """The definition as an expression in its axis."""
        if self.divisor == 1:
            return self.axis if not self.offset else f"{self.axis} {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        whole, rest = divmod(self.offset, self.divisor)
        if rest and rest - self.divisor == -1:
            whole, rest = whole + 1, -1
        inner = f"({self.axis} {'+' if rest > 0 else '-'} {abs(rest)})" if rest else self.axis
        tail = "" if not whole else f" {'+' if whole > 0 else '-'} {abs(whole)}"
        return f"floor({inner}/{self.divisor}){tail}"

    def at(self, base: Mapping[str, int]) -> int:
        """Evaluate at a point."""
        return (base[self.axis] + self.offset) // self.divisor

    def smallest(self, size: int) -> int:
        """Return the smallest value of the axis at which this size is at least ``size``."""
        return size * self.divisor - self.offset

    def along(self, start: int, period: int) -> tuple[int, ...]:
        """Return coefficients in x of this size at axis = start + period*x, for a period that the divisor divides."""
        return (start + self.offset) // self.divisor, period // self.divisor


@dataclass(frozen=True, slots=True)
class Tokens:
    """The size (axis / divisor)**2 + extra, for an axis that is a multiple of the divisor."""

    axis: str
    divisor: int
    extra: int

    @property
    def key(self) -> str:
        """Canonical name before sizes are numbered."""
        return f"{self.axis}**2:{self.divisor}:{self.extra}"

    @property
    def text(self) -> str:
        """The definition as an expression in its axis."""
        return f"floor({self.axis}/{self.divisor})**2 + {self.extra}"

    def at(self, base: Mapping[str, int]) -> int:
        """Evaluate at a point."""
        side: int = base[self.axis] // self.divisor
        return side**2 + self.extra

    def along(self, start: int, period: int) -> tuple[int, ...]:
        """Return coefficients in x of this size at axis = start + period*x."""
        side, step = start // self.divisor, period // self.divisor
        return side**2 + self.extra, 2 * side * step, step**2


@dataclass(frozen=True, slots=True)
class Capped:
    """The size Min(axis, limit): a rank that saturates at the smaller side of a matrix."""

    axis: str
    limit: int

    @property
    def key(self) -> str:
        """Canonical name before sizes are numbered."""
        return f"{self.axis}^{self.limit}"

    @property
    def text(self) -> str:
        """The definition as an expression in its axis."""
        return f"Min({self.axis}, {self.limit})"

    def at(self, base: Mapping[str, int]) -> int:
        """Evaluate at a point."""
        return min(base[self.axis], self.limit)


Size = Strided | Tokens | Capped


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
    counters: dict[str, int] = {}

    def order(size: Size) -> tuple[str, int, int]:
        if isinstance(size, Capped):
            return size.axis, size.limit, 0
        return size.axis, size.divisor, -size.offset if isinstance(size, Strided) else size.extra

    for size in sorted(sizes, key=order):
        if size.key == size.axis:
            names[size.key] = size.axis
        elif isinstance(size, Capped):
            names[size.key] = f"{size.axis}{size.limit}"
        else:
            letter = "t" if isinstance(size, Tokens) else size.axis.lower()
            counters[letter] = counters.get(letter, 0) + 1
            names[size.key] = f"{letter}{counters[letter]}"
    return names
