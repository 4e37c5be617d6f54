"""Integers in arrays, exactly: 64 bits where a bound shows that they fit, Python's own integers where it does not.

numpy wraps around without a word, and a proof made of wrapped numbers proves nothing. So a bound of what a product or
a sum can come to is worked out in Python's integers first; where it is not below 2**63 the arrays hold Python integers,
which are slow and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
"""Integers of 64 bits, or Python integers as objects."""

LARGEST = 2**63 - 1


def width(bound: int) -> type:
    """Return the narrowest element that holds every integer up to a bound in size."""
    return np.int64 if bound <= LARGEST else object


def matrix(rows: Sequence[Sequence[int]]) -> Matrix:
    """Make a matrix of Python integers."""
    largest = max((abs(number) for row in rows for number in row), default=0)
    return np.array(rows, dtype=width(largest))


def reach(numbers: Matrix) -> int:
    """Return the largest absolute value."""
    return max(abs(int(numbers.min())), abs(int(numbers.max()))) if numbers.size else 0


def wide(numbers: Matrix, bound: int) -> Matrix:
    """Return numbers that hold what they are about to become, which a bound is known of."""
    return numbers.astype(width(bound), copy=False) if numbers.dtype != object else numbers


def times(left: Matrix, right: Matrix) -> Matrix:
    """Multiply element by element."""
    made: Matrix = wide(left, reach(left) * reach(right)) * right
    return made


def dot(left: Matrix, right: Matrix) -> Matrix:
    """Multiply matrices."""
    made: Matrix = wide(left, reach(left) * reach(right) * left.shape[-1]) @ right
    return made


def minus(left: Matrix, right: Matrix) -> Matrix:
    """Subtract element by element."""
    made: Matrix = wide(left, reach(left) + reach(right)) - right
    return made


def totals(rows: Matrix) -> Matrix:
    """Add up each row."""
    added: Matrix = wide(rows, reach(rows) * rows.shape[1]).sum(axis=1)
    return added


def distinct(rows: Matrix) -> Matrix:
    """Return each row once, in lexicographic order."""
    if rows.dtype != object:
        return np.unique(rows, axis=0)
    found: Matrix = np.array(sorted({tuple(row) for row in rows}), dtype=object)
    return found.reshape(-1, rows.shape[1])
