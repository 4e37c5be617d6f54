"""Products of powers of symbols, which polynomials are sums of."""

from __future__ import annotations

Monomial = tuple[tuple[str, int], ...]
"""Symbols with their exponents, sorted by symbol."""

ONE: Monomial = ()
"""The constant monomial."""


def multiply(a: Monomial, b: Monomial) -> Monomial:
    """Multiply two monomials."""
    if not a:
        return b
    if not b:
        return a
    exponents = dict(a)
    for symbol, power in b:
        exponents[symbol] = exponents.get(symbol, 0) + power
    return tuple(sorted(exponents.items()))
