"""A formula at many points at once: whole arrays of exact integers."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.algebra.exact import LARGEST, Matrix, reach, wide
from costmodel.algebra.formula import QUANTITIES, SUM_OF_GROUP_PEAKS, CostFormula, memory_key
from costmodel.algebra.monomial import Monomial
from costmodel.contract import GROUPS
from costmodel.errors import InputError

Integers = npt.NDArray[np.int64]

EXACT_FLOAT = 2**53
"""Below this every integer is a float64, so that a matrix product of floats, which is fast, is exact."""


class _Arrays:
    """Arrays of integers."""

    def floor(self, value: Matrix, offset: int, divisor: int) -> Matrix:
        return (value + offset) // divisor

    def square(self, value: Matrix, extra: int) -> Matrix:
        return value**2 + extra

    def smaller(self, value: Matrix, limit: int) -> Matrix:
        return np.minimum(value, limit)


_ARRAYS = _Arrays()


@dataclass(frozen=True, slots=True)
class _Rows:
    """The terms of all quantities as rows of coefficients over common monomials."""

    monomials: tuple[Monomial, ...]
    coefficients: Integers
    starts: tuple[int, ...]


def evaluate(
    formula: CostFormula, base: Mapping[str, Integers], keys: Sequence[str] = QUANTITIES
) -> dict[str, Integers]:
    """Return quantities at many points.

    Args:
        formula: the closed form; the caller has checked that its domain contains every point.
        base: values of the base symbols, one-dimensional arrays of one length.
        keys: which of `QUANTITIES`.

    Returns:
        For each key an array of that length: FLOPs or bytes.

    Raises:
        InputError: where a number does not fit into 64 bits.
    """
    rows = _rows(formula, keys)
    if rows is None:
        raise _too_large(base)
    values = _values(formula, base, {symbol for monomial in rows.monomials for symbol, _ in monomial})
    if values is None:
        raise _too_large(base)
    largest = {symbol: reach(value) for symbol, value in values.items()}
    products = [prod(largest[symbol] ** power for symbol, power in monomial) for monomial in rows.monomials]
    bounds = [sum(abs(c) * p for c, p in zip(row, products, strict=True) if c) for row in rows.coefficients.tolist()]
    bound = max(bounds, default=0)
    if bound > LARGEST:
        raise _too_large(base)
    element = float if bound < EXACT_FLOAT else np.int64
    terms = rows.coefficients.astype(element) @ _products(rows.monomials, values, element)
    ends = (*rows.starts[1:], len(rows.coefficients))
    return {
        key: (terms[start] if end - start == 1 else terms[start:end].max(axis=0)).astype(np.int64)
        for key, start, end in zip(keys, rows.starts, ends, strict=True)
    }


def with_sum(found: dict[str, Integers]) -> dict[str, Integers]:
    """Add the sum of the groups' own peaks to what `evaluate` returned for them.

    Raises:
        InputError: where it does not fit into 64 bits.
    """
    peaks = [found[memory_key(group)] for group in GROUPS]
    if sum(int(values.max(initial=0)) for values in peaks) > LARGEST:
        raise InputError("the sum of the groups' own peaks does not fit into 64 bits")
    total: Integers = np.sum(peaks, axis=0, dtype=np.int64)
    return {**found, SUM_OF_GROUP_PEAKS: total}


def covered(formula: CostFormula, base: Mapping[str, Integers]) -> npt.NDArray[np.bool_]:
    """Tell for each point whether the formula holds there."""
    inside = np.ones(len(next(iter(base.values()))), dtype=bool)
    inside &= formula.domain.contains(base)
    return inside


def _too_large(base: Mapping[str, Integers]) -> InputError:
    reached = ", ".join(f"{axis} = {value.max(initial=0)}" for axis, value in base.items())
    return InputError(f"sizes up to {reached}: a number of FLOPs or bytes does not fit into 64 bits")


def _rows(formula: CostFormula, keys: Sequence[str]) -> _Rows | None:
    """Return the terms as rows, ``None`` where a coefficient does not fit into 64 bits: of huge sides."""
    place: dict[Monomial, int] = {}
    entries: list[tuple[int, int, int]] = []
    starts: list[int] = []
    count = 0
    for key in keys:
        starts.append(count)
        for term in formula.quantities[key]:
            entries += [(count, place.setdefault(m, len(place)), c) for m, c in term.terms.items()]
            count += 1
    if any(abs(coefficient) > LARGEST for *_, coefficient in entries):
        return None
    coefficients = np.zeros((count, max(len(place), 1)), dtype=np.int64)
    for row, column, coefficient in entries:
        coefficients[row, column] = coefficient
    return _Rows(tuple(place) or ((),), coefficients, tuple(starts))


def _values(formula: CostFormula, base: Mapping[str, Integers], used: Container[str]) -> dict[str, Integers] | None:
    """Return the values of the symbols that are used, ``None`` where a named size does not fit into 64 bits."""
    values = dict(base)
    for name, size in formula.sizes.items():
        if name not in used:
            continue
        along = base[size.axis]
        ends = {int(along.min(initial=0)), int(along.max(initial=0))}  # no size falls along its axis
        if max(abs(size.at({size.axis: end})) for end in ends) > LARGEST:
            return None
        values[name] = size.define(_ARRAYS, wide(along, size.reach(ends))).astype(np.int64)
    return values


def _products(monomials: Sequence[Monomial], values: Mapping[str, Integers], element: type) -> npt.NDArray[Any]:
    """Multiply symbols out. In 64 bits what wraps around on the way is right in the end: a bound says that it fits."""
    made: npt.NDArray[Any] = np.ones((len(monomials), len(next(iter(values.values())))), dtype=element)
    for place, monomial in enumerate(monomials):
        for symbol, power in monomial:
            for _ in range(power):
                made[place] *= values[symbol]
    return made
