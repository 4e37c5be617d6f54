"""Arrays of points against the same formula one point at a time: equal as integers, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.algebra.domain import Condition, Domain, Fixed, Free, Tied
from costmodel.algebra.exact import LARGEST
from costmodel.algebra.formula import SUM_OF_GROUP_PEAKS, CostFormula, memory_key
from costmodel.algebra.grid import EXACT_FLOAT, covered, evaluate, with_sum
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Capped, Strided, Tokens
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import named
from costmodel.contract import GROUPS
from costmodel.errors import InputError
from costmodel.methods import METHODS
from costmodel.questions.sweep import MOST_POINTS, Grid, grid_of
from costmodel.sources.source import Source

AXES = ("N", "H", "W", "r")
SIZES = {"h1": Strided("H", 2, 1), "w1": Strided("W", 4, -3), "t1": Tokens("H", 16, 1), "r9": Capped("r", 9)}
ANYWHERE = Domain(dict.fromkeys(AXES, Free(1)))

Point = tuple[int, int, int, int]


def formula_of(expressions: Mapping[str, Sequence[Polynomial]]) -> CostFormula:
    return CostFormula({key: tuple(terms) for key, terms in expressions.items()}, SIZES, ANYWHERE)


def arrays(points: Sequence[Point]) -> dict[str, Any]:
    return {
        axis: np.array(values, dtype=np.int64) for axis, values in zip(AXES, zip(*points, strict=True), strict=True)
    }


def one_by_one(formula: CostFormula, points: Sequence[Point]) -> dict[str, list[int]]:
    rows = [formula.evaluate(dict(zip(AXES, point, strict=True))) for point in points]
    return {key: [row[key] for row in rows] for key in formula.quantities}


def reach(formula: CostFormula, points: Sequence[Point]) -> int:
    """What the largest of the sums comes to where every factor is at its largest and nothing is subtracted."""
    largest = {
        symbol: max(values)
        for symbol, values in {
            **{axis: [point[at] for point in points] for at, axis in enumerate(AXES)},
            **{
                name: [size.at(dict(zip(AXES, point, strict=True))) for point in points] for name, size in SIZES.items()
            },
        }.items()
    }
    return max(
        Polynomial({m: abs(c) for m, c in term.terms.items()}).evaluate(largest)
        for terms in formula.quantities.values()
        for term in terms
    )


MONOMIALS = st.lists(st.sampled_from([*AXES, *SIZES]), max_size=4).map(
    lambda symbols: tuple(sorted((symbol, symbols.count(symbol)) for symbol in {*symbols}))
)


def polynomials(size: int) -> st.SearchStrategy[Polynomial]:
    coefficients = st.integers(-(2**size), 2**size).filter(bool)
    return st.dictionaries(MONOMIALS, coefficients, max_size=6).map(Polynomial)


def formulas(size: int) -> st.SearchStrategy[CostFormula]:
    expressions = st.lists(polynomials(size), min_size=1, max_size=3)
    return st.lists(expressions, min_size=1, max_size=4).map(
        lambda found: formula_of({str(at): terms for at, terms in enumerate(found)})
    )


def points(largest: int) -> st.SearchStrategy[list[Point]]:
    value = st.integers(3, largest)
    return st.lists(st.tuples(value, value, value, value), min_size=1, max_size=5)


@given(formulas(20), points(300))
def test_small_numbers(formula: CostFormula, at: list[Point]) -> None:
    check(formula, at)


@given(formulas(31), points(4000))
def test_numbers_beyond_floats(formula: CostFormula, at: list[Point]) -> None:
    check(formula, at)


@given(formulas(50), points(2**31 - 1))
def test_numbers_beyond_everything(formula: CostFormula, at: list[Point]) -> None:
    check(formula, at)


def check(formula: CostFormula, at: list[Point]) -> None:
    keys = tuple(formula.quantities)
    try:
        found = evaluate(formula, arrays(at), keys)
    except InputError:
        assert reach(formula, at) > LARGEST
        return
    assert {key: values.tolist() for key, values in found.items()} == one_by_one(formula, at)
    assert all(values.dtype == np.int64 for values in found.values())


def symbol(name: str) -> Polynomial:
    return Polynomial.symbol(name)


@pytest.mark.parametrize("most", [EXACT_FLOAT - 1, EXACT_FLOAT, EXACT_FLOAT + 1, 2 * EXACT_FLOAT + 1, LARGEST])
def test_odd_numbers_around_the_end_of_floats_and_of_64_bits(most: int) -> None:
    """From 2**53 on a float is even: a last bit that is kept shows that integers were multiplied."""
    formula = formula_of({"x": [symbol("N") * (most // 3) + most % 3]})
    assert evaluate(formula, arrays([(3, 3, 3, 3), (1, 3, 3, 3)]), ("x",))["x"].tolist() == [most, most // 3 + most % 3]


@pytest.mark.parametrize("coefficient", [1, -1, 2**70, -(2**70)])
def test_one_more_than_64_bits_hold_is_refused(coefficient: int) -> None:
    formula = formula_of({"x": [symbol("N") * symbol("H") * coefficient], "y": [Polynomial.of(5)]})
    with pytest.raises(InputError) as refusal:
        evaluate(formula, arrays([(2**32, 2**31, 3, 3)]), ("x", "y"))
    said = (
        "sizes up to N = 4294967296, H = 2147483648, W = 3, r = 3: a number of FLOPs or bytes does not fit into 64 bits"
    )
    assert str(refusal.value) == said
    assert evaluate(formula, arrays([(2**32, 2**31, 3, 3)]), ("y",))["y"].tolist() == [5]


def test_what_cancels_is_exact() -> None:
    """The difference of two products beyond 2**53, which floats would have as 0 or 2."""
    formula = formula_of({"x": [symbol("N") * symbol("H") - symbol("W") * symbol("r")]})
    big = 2**30
    at = [(big, big, big - 1, big + 1), (big + 1, big - 1, big, big)]
    assert evaluate(formula, arrays(at), ("x",))["x"].tolist() == [1, -1]


def test_a_named_size_beyond_64_bits_is_refused_and_one_within_is_exact() -> None:
    formula = formula_of({"x": [symbol("t1")], "y": [symbol("h1")]})
    for H in (2**35, 2**63 - 1):
        at = arrays([(1, H, 3, 3)])
        assert evaluate(formula, at, ("y",))["y"].tolist() == [SIZES["h1"].at({"H": H})]
    assert evaluate(formula, arrays([(1, 2**35, 3, 3)]), ("x",))["x"].tolist() == [2**62 + 1]
    with pytest.raises(InputError, match="does not fit into 64 bits"):
        evaluate(formula, arrays([(1, 2**36, 3, 3)]), ("x",))  # 2**64 + 1 wraps around to 1


def test_a_size_below_zero_counts_in_the_bound() -> None:
    formula = formula_of({"x": [symbol("w1") * 2**62], "y": [symbol("w1") * (2**53 + 1)]})
    assert SIZES["w1"].at({"W": -9}) == -3
    at = arrays([(1, 3, -9, 3)])
    assert evaluate(formula, at, ("y",))["y"].tolist() == [-3 * (2**53 + 1)]
    with pytest.raises(InputError, match="does not fit into 64 bits"):
        evaluate(formula, at, ("x",))


def test_no_terms_are_zero() -> None:
    formula = formula_of({"x": [Polynomial({})], "y": [Polynomial({}), Polynomial.of(-3)]})
    found = evaluate(formula, arrays([(3, 3, 3, 3)] * 4), ("x", "y"))
    assert found["x"].tolist() == [0] * 4
    assert found["y"].tolist() == [0] * 4


def test_the_sum_of_group_peaks_is_refused_where_it_would_wrap_around() -> None:
    almost = {memory_key(group): np.array([2**62], dtype=np.int64) for group in GROUPS[:2]}
    rest = {memory_key(group): np.array([0], dtype=np.int64) for group in GROUPS[2:]}
    with pytest.raises(InputError, match="does not fit into 64 bits"):
        with_sum(almost | rest)
    less = {**almost, **rest, memory_key(GROUPS[0]): np.array([2**62 - 1], dtype=np.int64)}
    assert with_sum(less)[SUM_OF_GROUP_PEAKS].tolist() == [LARGEST]


BOUND = st.integers(1, 12)


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    conditions: dict[str, Condition] = {}
    for axis in AXES:
        kind = draw(st.sampled_from(["free", "between", "fixed", "multiple", "absent", "tied"]))
        if kind == "tied" and axis == "W" and isinstance(conditions.get("H"), Free):
            conditions["W"] = Tied("H")
        elif kind == "fixed":
            conditions[axis] = Fixed(draw(BOUND))
        elif kind != "absent":
            upper = draw(BOUND) if kind == "between" else None
            conditions[axis] = Free(draw(BOUND), upper, draw(st.integers(2, 4)) if kind == "multiple" else 1)
    return Domain(conditions)


@given(
    domains(), st.lists(st.tuples(BOUND, BOUND, BOUND, BOUND), min_size=1, max_size=30), st.sets(st.sampled_from(AXES))
)
def test_what_a_domain_covers(domain: Domain, at: list[Point], left_out: set[str]) -> None:
    base = {axis: values for axis, values in arrays(at).items() if axis not in left_out or axis == "N"}
    formula = CostFormula({}, {}, domain)
    each = [domain.contains({axis: int(values[place]) for axis, values in base.items()}) for place in range(len(at))]
    assert covered(formula, base).tolist() == each


def test_a_tied_axis_is_equal_to_its_own() -> None:
    domain = Domain({"N": Free(1), "H": Free(32, multiple=32), "r": Free(1), "W": Tied("H")})
    at = [(1, 32, 32, 1), (1, 32, 64, 1), (1, 64, 64, 1), (1, 48, 48, 1), (1, 64, 32, 1)]
    assert covered(CostFormula({}, {}, domain), arrays(at)).tolist() == [True, False, True, False, False]


def grid(values: Mapping[str, Sequence[int]], method: str = "lora") -> Grid:
    return grid_of(Source(Setup(named("resnet18"), METHODS[method])), values)


def test_a_grid_is_every_combination_the_last_axis_fastest() -> None:
    made = grid({"batch": range(1, 4), "height": (64, 33), "width": range(100, 200, 30), "rank": (4, 1)})
    assert len(made) == 3 * 2 * 4 * 2
    points = made.points(0, len(made))
    assert list(points) == ["N", "H", "W", "r"]
    rows = list(zip(*(values.tolist() for values in points.values()), strict=True))
    assert rows == [*product([1, 2, 3], [64, 33], [100, 130, 160, 190], [4, 1])]
    for start, stop in ((0, 1), (7, 20), (47, 48)):
        part = made.points(start, stop)
        assert [*zip(*(values.tolist() for values in part.values()), strict=True)] == rows[start:stop]


def test_a_square_grid_moves_both_sides() -> None:
    points = grid({"resolution": (64, 96)}, "fft").points(0, 2)
    assert {axis: values.tolist() for axis, values in points.items()} == {"N": [1, 1], "H": [64, 96], "W": [64, 96]}


def test_defaults_of_a_grid() -> None:
    points = grid({}).points(0, 1)
    assert {axis: values.tolist() for axis, values in points.items()} == {"N": [1], "H": [224], "W": [224], "r": [4]}


def test_an_axis_of_ten_million_values_is_never_made_whole() -> None:
    made = grid({"batch": range(1, 10**7 + 1), "rank": range(1, 10**5 + 1)})
    assert len(made) == MOST_POINTS
    points = made.points(len(made) - 2, len(made))
    assert points["N"].tolist() == [10**7] * 2
    assert points["r"].tolist() == [10**5 - 1, 10**5]


def test_more_points_than_can_be_evaluated_are_refused() -> None:
    with pytest.raises(InputError, match="100,000,000,000,000 points: a sweep has up to 1,000,000,000,000"):
        grid({"batch": range(1, 10**7 + 1), "rank": range(1, 10**7 + 1)})
