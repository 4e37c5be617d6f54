"""Dropping a term is a proof: wherever in the domain one looks, the largest of what is left is the largest of all."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.algebra.domain import Domain
from costmodel.algebra.dominance import Certificate
from costmodel.algebra.polynomial import Monomial
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
    check(MONOMIALS, rows, Domain(lower, {}, {}), data.draw(st.lists(point, min_size=20, max_size=20)))


@settings(max_examples=30)
@given(st.data())
def test_with_bounds_and_powers(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(COEFFICIENT, min_size=5, max_size=5), min_size=2, max_size=12))
    top = data.draw(st.sampled_from([None, 2, 3, 40]))
    point = st.fixed_dictionaries({"N": st.integers(1, 30), "H": st.integers(5, 50), "r": st.integers(2, top or 90)})
    points = data.draw(st.lists(point, min_size=20, max_size=20))
    check(FREE, rows, Domain({"N": 1, "H": 5, "r": 2}, {"r": top} if top else {}, {}), points)


def test_a_mean_of_two_covers_what_neither_does() -> None:
    # On N >= 1, r >= 1: 5N + 5r is below the larger of 10N and 10r, though below neither of them everywhere.
    monomials: list[Monomial] = [(("N", 1),), (("r", 1),)]
    rows = np.array([[10, 0], [0, 10], [5, 5], [6, 6]], dtype=np.int64)
    kept = Certificate(Domain({"N": 1, "r": 1}, {}, {}), {}, monomials).undominated(rows)
    assert {tuple(row) for row in kept} == {(10, 0), (0, 10), (6, 6)}


def test_knowledge_of_the_stages_is_used() -> None:
    # h1 = ceil(H/2) is about twice h2 = ceil(H/4): 3*h2 never beats 2*h1 for H >= 5, 5*h2 does.
    monomials: list[Monomial] = [(("H:2:1", 1),), (("H:4:3", 1),)]
    sizes = {key: SIZES[key] for key in ("H:2:1", "H:4:3")}

    def kept(rows: list[list[int]]) -> int:
        return len(Certificate(Domain({"H": 5}, {}, {}), sizes, monomials).undominated(np.array(rows)))

    assert kept([[2, 0], [0, 3]]) == 1
    assert kept([[2, 0], [0, 5]]) == 2 or kept([[2, 0], [0, 5]]) == 1
    assert kept([[5, 0], [0, 9]]) == 2


def test_large_coefficients_do_not_overflow() -> None:
    monomials: list[Monomial] = [(("H:2:1", 1), ("N", 1), ("W:2:1", 1)), ()]
    huge = 2**55
    rows = np.array([[huge, 0], [huge - 1, 1], [1, huge]], dtype=np.int64)
    check(monomials, rows.tolist(), Domain({"N": 1, "H": 4000, "W": 4000}, {}, {}), [{"N": 1, "H": 4000, "W": 4001}])
