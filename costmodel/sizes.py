"""Named intermediate sizes: the extents of a step that are not products of the base symbols.

Two definitions suffice for convolutional models:

* ``Strided``: floor((axis + offset) / divisor). A convolution or pooling window maps a size of this form to another of
  this form, ``floor((floor((H + b)/s) + c)/t) = floor((H + b + s*c)/(s*t))`` for positive integers, so every stage has
  one canonical definition directly in ``H`` or ``W``.
* ``Capped``: Min(r, limit), the effective rank of a matrix whose smaller side is ``limit``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Strided:
    """The size floor((axis + offset) / divisor), ``axis`` being ``H`` or ``W``."""

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

    def window(self, kernel: int, stride: int, padding: int, dilation: int) -> Strided:
        """Return the output size of a convolution or pooling window over this size.

        floor((h + 2*padding - dilation*(kernel - 1) - 1)/stride) + 1, the rule of ``torch.nn.Conv2d``.
        """
        slack = 2 * padding - dilation * (kernel - 1) - 1 + stride
        return Strided(self.axis, self.divisor * stride, self.offset + self.divisor * slack)


@dataclass(frozen=True, slots=True, order=True)
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


Size = Strided | Capped


def name_sizes(sizes: Iterable[Size]) -> dict[str, str]:
    """Give each size a short name: ``h1``, ``w1``, ... by growing stride, ``r9`` for Min(r, 9).

    Returns:
        Mapping from a size's ``key`` to its name. A base symbol keeps its own name.
    """
    names: dict[str, str] = {}
    counters: dict[str, int] = {}
    for size in sorted(
        sizes, key=lambda s: (s.axis, s.limit) if isinstance(s, Capped) else (s.axis, s.divisor, -s.offset)
    ):
        if size.key == size.axis:
            names[size.key] = size.axis
        elif isinstance(size, Capped):
            names[size.key] = f"{size.axis}{size.limit}"
        else:
            counters[size.axis] = counters.get(size.axis, 0) + 1
            names[size.key] = f"{size.axis.lower()}{counters[size.axis]}"
    return names
