"""Polynomials as pieces of text in any notation, and those pieces as lines that are not too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from costmodel.algebra.polynomial import Monomial, Polynomial


@dataclass(frozen=True, slots=True)
class Notation:
    """How products are written.

    Attributes:
        power: writes a symbol to a power.
        times: stands between two factors.
    """

    power: Callable[[str, int], str]
    times: str = " * "

    def product(self, monomial: Monomial) -> str:
        """Write a product of symbols."""
        return self.times.join(self.power(symbol, power) for symbol, power in monomial)

    def term(self, monomial: Monomial, coefficient: int) -> str:
        """Write a term with its sign in front: ``+ 3 * N``."""
        size = abs(coefficient)
        factors = [*([str(size)] if size != 1 or not monomial else []), *([self.product(monomial)] if monomial else [])]
        return f"{'-' if coefficient < 0 else '+'} {self.times.join(factors)}"


def pieces(polynomial: Polynomial, collect: Sequence[str], notation: Notation) -> list[str]:
    """Write a polynomial as terms that each begin with a sign; a line may be broken between any two.

    Terms that share the same power of the symbols in ``collect`` are gathered behind one factor, as
    `costmodel.algebra.polynomial.render` does.
    """
    factors: dict[Monomial, dict[Monomial, int]] = {}
    for monomial, coefficient in polynomial.terms.items():
        outer = tuple(item for item in monomial if item[0] in collect)
        inner = tuple(item for item in monomial if item[0] not in collect)
        factors.setdefault(outer, {})[inner] = coefficient
    written: list[str] = []
    for outer in sorted(factors, key=_order):
        terms = factors[outer]
        ordered = sorted(terms, key=_order)
        if not outer or len(ordered) == 1:
            written.extend(notation.term((*outer, *inner), terms[inner]) for inner in ordered)
            continue
        group = [notation.term(inner, terms[inner]) for inner in ordered]
        group[0] = f"+ {notation.product(outer)}{notation.times}({_leading(group[0])}"
        written.extend([*group[:-1], f"{group[-1]})"])
    return written or ["+ 0"]


def _order(monomial: Monomial) -> tuple[int, Monomial]:
    return -sum(power for _, power in monomial), monomial


def _leading(piece: str) -> str:
    """Write the sign of a first term as it is written there: none, or right before it."""
    return piece.removeprefix("+ ") if piece.startswith("+ ") else f"-{piece[2:]}"


def lines(written: Sequence[str], width: int, measure: Callable[[str], int] = len) -> list[str]:
    """Join pieces to lines of at most ``width``, where no piece alone is longer.

    Args:
        written: what `pieces` returns.
        width: how long a line may be.
        measure: how long a text is.
    """
    first, *rest = written
    return packed([_leading(first), *rest], width, measure)


def packed(words: Sequence[str], width: int, measure: Callable[[str], int] = len) -> list[str]:
    """Join words to lines of at most ``width``, where no word alone is longer."""
    joined = [words[0]]
    for word in words[1:]:
        longer = f"{joined[-1]} {word}"
        if measure(longer) <= width:
            joined[-1] = longer
        else:
            joined.append(word)
    return joined
