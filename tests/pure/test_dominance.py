"""Dropping a term is a proof: wherever in the domain one looks, the largest of what is left is the largest of all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.algebra.domain import Domain, Free
from costmodel.algebra.dominance import Certificate
from costmodel.algebra.exact import matrix
from costmodel.algebra.formula import largest
from costmodel.algebra.monomial import Monomial
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Capped, Size, Strided

SIZES: dict[str, Size] = {
    size.key: size
    for size in [
        Strided("H", 2, 1),
        Strided("H", 4, 3),
        Strided("H", 4, 0),  # another rounding at the same stride
        Strided("W", 2, 1),
        Strided("W", 6, 1),
        Strided("H", 1, -2),
        Capped("r", 9),
        Capped("r", 20),
    ]
}
MONOMIALS: list[Monomial] = [
    (),
    (("N", 1),),
    (("H:2:1", 1), ("N", 1), ("W:2:1", 1)),
    (("H:4:3", 1), ("N", 1), ("W:6:1", 1)),
    (("H:4:0", 1), ("N", 1), ("W:6:1", 1)),
    (("H:1:-2", 1), ("W:2:1", 1)),
    (("r^9", 1),),
    (("r^20", 2),),
    (("N", 1), ("r^20", 1)),
]
FREE = [(), (("N", 1),), (("N", 1), ("r", 1)), (("r", 2),), (("H:2:1", 2), ("r", 1))]
N = Polynomial.symbol("N")
COEFFICIENT = st.integers(0, 40)


def value(monomials: list[Monomial], row: np.ndarray, base: dict[str, int]) -> int:
    values = base | {key: size.at(base) for key, size in SIZES.items() if size.axis in base}
    total = 0
    for monomial, coefficient in zip(monomials, row, strict=True):
        product = int(coefficient)
        for symbol, power in monomial:
            product *= values[symbol] ** power
        total += product
    return total


def check(monomials: list[Monomial], rows: list[list[int]], domain: Domain, points: list[dict[str, int]]) -> None:
    matrix = np.array(rows, dtype=np.int64)
    sizes = {key: size for key, size in SIZES.items() if any(key in dict(m) for m in monomials)}
    kept = Certificate(domain, sizes, monomials).undominated(matrix)
    assert 1 <= len(kept) <= len(matrix)
    assert {tuple(row) for row in kept} <= {tuple(row) for row in matrix}
    for base in points:
        assert max(value(monomials, row, base) for row in kept) == max(value(monomials, row, base) for row in matrix)


@settings(max_examples=30)
@given(st.data())
def test_with_strides_and_saturation(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(COEFFICIENT, min_size=9, max_size=9), min_size=2, max_size=12))
    lower = {"N": data.draw(st.integers(1, 2)), "H": 9, "W": 12, "r": data.draw(st.sampled_from([1, 2, 10, 25]))}
    point = st.fixed_dictionaries(
        {
            axis: st.integers(bound, bound + reach)
            for (axis, bound), reach in zip(lower.items(), (30, 60, 60, 40), strict=True)
        }
    )
    check(
        MONOMIALS,
        rows,
        Domain({axis: Free(bound) for axis, bound in lower.items()}),
        data.draw(st.lists(point, min_size=20, max_size=20)),
    )


@settings(max_examples=30)
@given(st.data())
def test_with_bounds_and_powers(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(COEFFICIENT, min_size=5, max_size=5), min_size=2, max_size=12))
    top = data.draw(st.sampled_from([None, 2, 3, 40]))
    point = st.fixed_dictionaries({"N": st.integers(1, 30), "H": st.integers(5, 50), "r": st.integers(2, top or 90)})
    points = data.draw(st.lists(point, min_size=20, max_size=20))
    check(FREE, rows, Domain({"N": Free(1), "H": Free(5), "r": Free(2, top)}), points)


def test_a_mean_of_two_covers_what_neither_does() -> None:
    # On N >= 1, r >= 1: 5N + 5r is below the larger of 10N and 10r, though below neither of them everywhere.
    monomials: list[Monomial] = [(("N", 1),), (("r", 1),)]
    rows = np.array([[10, 0], [0, 10], [5, 5], [6, 6]], dtype=np.int64)
    kept = Certificate(Domain({"N": Free(1), "r": Free(1)}), {}, monomials).undominated(rows)
    assert {tuple(row) for row in kept} == {(10, 0), (0, 10), (6, 6)}


def test_knowledge_of_the_stages_is_used() -> None:
    # h1 = ceil(H/2) is about twice h2 = ceil(H/4): 3*h2 never beats 2*h1 for H >= 5, 5*h2 does.
    monomials: list[Monomial] = [(("H:2:1", 1),), (("H:4:3", 1),)]
    sizes = {key: SIZES[key] for key in ("H:2:1", "H:4:3")}

    def kept(rows: list[list[int]]) -> int:
        return len(Certificate(Domain({"H": Free(5)}), sizes, monomials).undominated(np.array(rows)))

    assert kept([[2, 0], [0, 3]]) == 1
    assert kept([[2, 0], [0, 5]]) == 2 or kept([[2, 0], [0, 5]]) == 1
    assert kept([[5, 0], [0, 9]]) == 2


def test_large_coefficients_do_not_overflow() -> None:
    monomials: list[Monomial] = [(("H:2:1", 1), ("N", 1), ("W:2:1", 1)), ()]
    huge = 2**55
    rows = np.array([[huge, 0], [huge - 1, 1], [1, huge]], dtype=np.int64)
    check(
        monomials,
        rows.tolist(),
        Domain({"N": Free(1), "H": Free(4000), "W": Free(4000)}),
        [{"N": 1, "H": 4000, "W": 4001}],
    )


def test_a_product_beyond_64_bits_does_not_wrap_around() -> None:
    """Each axis fits into 64 bits, N * H * W at the corner of the domain is 2**66: wrapped, it is 0."""
    monomials: list[Monomial] = [(("H", 1), ("N", 1), ("W", 1)), ()]
    domain = Domain({"N": Free(2**22), "H": Free(2**22), "W": Free(2**22)})
    certificate = Certificate(domain, {}, monomials)
    rows = np.array([[1, 0], [0, 2**62]], dtype=np.int64)
    assert certificate.scores(rows).max(axis=1).tolist() == [2**66, 2**62]
    assert certificate.undominated(rows).tolist() == [[1, 0]]


@pytest.mark.parametrize("bits", [20, 31, 40, 62, 63, 70, 400])
def test_far_from_the_origin_what_is_left_is_still_the_largest(bits: int) -> None:
    far = 2**bits
    domain = Domain({"N": Free(far), "H": Free(far), "r": Free(1)})
    monomials: list[Monomial] = [(("N", 1),), (("H:2:1", 2),), (("N", 1), ("r^20", 1)), (("H:4:3", 2), ("N", 1))]
    rows = [[5 * far, 1, 0, 0], [0, 9, far, 0], [far, 0, 2 * far, 1], [0, 1, 0, 0], [far, 1, far, 0], [1, 2, 3, 4]]
    sizes = {key: SIZES[key] for key in ("H:2:1", "H:4:3", "r^20")}
    kept = Certificate(domain, sizes, monomials).undominated(matrix(rows))
    assert 1 <= len(kept) < len(rows)
    for N, H, r in itertools.product((far, far + 1, 9 * far), (far, far + 3, 5 * far), (1, 7, 20, 99)):
        base = {"N": N, "H": H, "r": r}
        assert max(value(monomials, row, base) for row in kept) == max(value(monomials, row, base) for row in rows)


def test_rows_beyond_64_bits_are_rows() -> None:
    kept = largest([2**70 * N + 3, 2**70 * N + 2, 2**69 * N + 2**64], Domain({"N": Free(1)}), {})
    assert set(kept) == {2**70 * N + 3}


def test_the_sums_that_order_rows_are_exact() -> None:
    """Each row alone fits into 64 bits, the sum of its coordinates does not: the dominating row still comes first."""
    half = 2**62
    rows = np.array([[half, half, half], [half - 1, half - 1, 0], [half, half, half - 1]], dtype=np.int64)
    monomials: list[Monomial] = [(("N", 1),), (("W", 1),), (("r", 1),)]
    kept = Certificate(Domain({"N": Free(1), "W": Free(1), "r": Free(1)}), {}, monomials).undominated(rows)
    assert kept.tolist() == [[half] * 3]
