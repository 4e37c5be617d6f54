"""How polynomials, named sizes and domains are written: one object for each language, which all else stays free of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from costmodel.algebra.monomial import Monomial

T = TypeVar("T")


class Operations(Protocol[T]):
    """What a named size is defined by: on numbers it is evaluated, on texts it is written."""

    def floor(self, value: T, offset: int, divisor: int) -> T:
        """Return (value + offset) / divisor, rounded down."""
        ...

    def square(self, value: T, extra: int) -> T:
        """Return value**2 + extra."""
        ...

    def smaller(self, value: T, limit: int) -> T:
        """Return the smaller of value and limit."""
        ...


class Wording(Protocol):
    """How the condition on an axis is written, each method as the parts of an enumeration."""

    def between(self, axis: str, lower: int, upper: int | None) -> list[str]:
        """Write that an axis is at least ``lower`` and, where there is one, at most ``upper``."""
        ...

    def multiple(self, axis: str, of: int) -> list[str]:
        """Write that an axis is a multiple of a number."""
        ...

    def equal(self, axis: str, value: int) -> list[str]:
        """Write that an axis has one value."""
        ...

    def same(self, axis: str, other: str) -> list[str]:
        """Write that an axis is equal to another one."""
        ...


class Notation(ABC):
    """How expressions are written in one language.

    Attributes:
        times: stands between two factors.
    """

    times: str = " * "

    @abstractmethod
    def power(self, symbol: str, power: int) -> str:
        """Write a symbol to a power."""

    @abstractmethod
    def floor(self, value: str, offset: int, divisor: int) -> str:
        """Write (value + offset) / divisor, rounded down."""

    @abstractmethod
    def square(self, value: str, extra: int) -> str:
        """Write value**2 + extra, of a value that `floor` wrote."""

    @abstractmethod
    def smaller(self, value: str, limit: int) -> str:
        """Write the smaller of value and limit."""

    def product(self, monomial: Monomial) -> str:
        """Write a product of symbols."""
        return self.times.join(self.power(symbol, power) for symbol, power in monomial)

    def term(self, monomial: Monomial, coefficient: int) -> str:
        """Write a term with its sign in front: ``+ 3 * N``."""
        size = abs(coefficient)
        factors = [*([str(size)] if size != 1 or not monomial else []), *([self.product(monomial)] if monomial else [])]
        return f"{'-' if coefficient < 0 else '+'} {self.times.join(factors)}"

    def pieces(self, terms: Mapping[Monomial, int], collect: Sequence[str]) -> list[str]:
        """Write a polynomial as terms that each begin with a sign; a line may be broken between any two.

        Terms that share the same power of the symbols in ``collect`` are gathered behind one factor:
        ``N*(32*h1*w1 + 24*h2*w2) + 1280``.
        """
        factors: dict[Monomial, dict[Monomial, int]] = {}
        for monomial, coefficient in terms.items():
            outer = tuple(item for item in monomial if item[0] in collect)
            inner = tuple(item for item in monomial if item[0] not in collect)
            factors.setdefault(outer, {})[inner] = coefficient
        written: list[str] = []
        for outer in sorted(factors, key=_order):
            gathered = factors[outer]
            ordered = sorted(gathered, key=_order)
            if not outer or len(ordered) == 1:
                written.extend(self.term((*outer, *inner), gathered[inner]) for inner in ordered)
                continue
            group = [self.term(inner, gathered[inner]) for inner in ordered]
            group[0] = f"+ {self.product(outer)}{self.times}({leading(group[0])}"
            written.extend([*group[:-1], f"{group[-1]})"])
        return written or ["+ 0"]


def _order(monomial: Monomial) -> tuple[int, Monomial]:
    return -sum(power for _, power in monomial), monomial


def leading(piece: str) -> str:
    """Write the sign of a first term as it is written there: none, or right before it."""
    return piece.removeprefix("+ ") if piece.startswith("+ ") else f"-{piece[2:]}"


def shifted(value: str, number: int) -> str:
    """Write a value plus a number, as every language does: ``H - 1``."""
    return f"{value} {'-' if number < 0 else '+'} {abs(number)}" if number else value


class _Text(Notation):
    """Text that reads well and that ``sympy.parse_expr`` parses."""

    times: str = "*"

    def polynomial(self, terms: Mapping[Monomial, int], collect: Sequence[str] = ("N", "r")) -> str:
        """Write a polynomial in one line."""
        first, *rest = self.pieces(terms, collect)
        return " ".join([leading(first), *rest])

    def power(self, symbol: str, power: int) -> str:
        return symbol if power == 1 else f"{symbol}**{power}"

    def floor(self, value: str, offset: int, divisor: int) -> str:
        """Take whole steps out of the fraction: ``floor((H - 1)/2) + 1``."""
        if divisor == 1:
            return shifted(value, offset)
        whole, rest = divmod(offset, divisor)
        if rest and rest - divisor == -1:
            whole, rest = whole + 1, -1
        inner = f"({shifted(value, rest)})" if rest else value
        return shifted(f"floor({inner}/{divisor})", whole)

    def square(self, value: str, extra: int) -> str:
        return shifted(f"{value}**2", extra)

    def smaller(self, value: str, limit: int) -> str:
        return f"Min({value}, {limit})"

    def between(self, axis: str, lower: int, upper: int | None) -> list[str]:
        return [f"{axis} >= {lower}" if upper is None else f"{lower} <= {axis} <= {upper}"]

    def multiple(self, axis: str, of: int) -> list[str]:  # noqa: ARG002  # named in what stands before it
        return [f"a multiple of {of}"]

    def equal(self, axis: str, value: int) -> list[str]:
        return [f"{axis} = {value}"]

    def same(self, axis: str, other: str) -> list[str]:
        return [f"{axis} = {other}"]


class _Numbers:
    """Python's integers."""

    def floor(self, value: int, offset: int, divisor: int) -> int:
        return (value + offset) // divisor

    def square(self, value: int, extra: int) -> int:
        return value**2 + extra

    def smaller(self, value: int, limit: int) -> int:
        return min(value, limit)


class Extremes(_Numbers):
    """Python's integers, with the largest absolute value of all that comes up on the way, constants among it."""

    def __init__(self) -> None:
        self.largest = 0

    def floor(self, value: int, offset: int, divisor: int) -> int:
        """Note what is divided, too."""
        self._seen(value, offset, value + offset, divisor)
        return self._seen(super().floor(value, offset, divisor))

    def square(self, value: int, extra: int) -> int:
        """Note the square, too."""
        return self._seen(extra, value**2, super().square(value, extra))

    def smaller(self, value: int, limit: int) -> int:
        """Note what is not the smaller one, too."""
        return self._seen(value, limit, super().smaller(value, limit))

    def _seen(self, *numbers: int) -> int:
        self.largest = max(self.largest, *map(abs, numbers))
        return numbers[-1]


TEXT = _Text()
NUMBERS = _Numbers()
