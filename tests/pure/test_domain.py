"""Conditions on axes and kinds of sizes answer for themselves: a new kind of size is a class and a row."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.algebra import sizes
from costmodel.algebra.domain import Condition, Domain, Fixed, Free, Tied
from costmodel.algebra.formula import QUANTITIES, CostFormula
from costmodel.algebra.grid import evaluate
from costmodel.algebra.notation import Operations, T
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size
from costmodel.output.export import FORMATS, ClosedForms
from tests.exported import check

AXES = ("N", "H", "W", "S", "r")


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    bound = st.integers(1, 50)
    conditions: dict[str, Condition] = {}
    for axis in draw(st.permutations(AXES)):
        lower, multiple = draw(bound), draw(st.sampled_from([1, 1, 16]))
        kinds = [
            Free(lower * multiple, draw(st.sampled_from([None, lower * multiple + 100])), multiple),
            Fixed(lower),
            *(Tied(other) for other, condition in conditions.items() if not isinstance(condition, Tied)),
        ]
        if draw(st.booleans()):
            conditions[axis] = draw(st.sampled_from(kinds))
    return Domain(conditions)


@given(domains())
def test_what_is_stored_is_read_back_in_the_order_it_is_told(domain: Domain) -> None:
    again = Domain.from_dict(domain.to_dict())
    assert again == domain
    assert again.describe() == domain.describe()
    assert [*domain.conditions] == [*domain.free, *domain.tied, *domain.fixed]


@given(domains(), st.integers(0, 99))
def test_what_is_drawn_is_inside(domain: Domain, seed: int) -> None:
    point = domain.draw(random.Random(seed))
    assert point.keys() == domain.conditions.keys()
    assert domain.contains(point)
    assert domain.contains(domain.corner())
    for axis in domain.tied:
        assert not domain.contains({**point, axis: point[axis] + 1})
    for axis, free in domain.free.items():
        assert not domain.contains({**point, axis: free.lower - 1})


def test_two_axes_of_one_name_have_to_meet_both_conditions() -> None:
    bound = Domain({"H": Free(32, 500, 6), "W": Free(40, None, 4), "N": Fixed(1)}).bind({"H": "S", "W": "S"})
    assert bound == Domain({"S": Free(40, 500, 12), "N": Fixed(1)})
    assert bound.describe() == {"S": "40 <= S <= 500, a multiple of 12", "N": "N = 1"}


@pytest.mark.parametrize(
    "data",
    [
        {"tied": {"W": "H"}},
        {"lower": {"H": 1}, "tied": {"W": "S", "S": "W"}},
        {"lower": {"H": 1}, "fixed": {"H": 1}},
        {"upper": {"H": 1}},
        {"fixed": {"H": "many"}},
    ],
)
def test_what_is_no_domain_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says: the entry is not used
        Domain.from_dict(data)


@dataclass(frozen=True, slots=True)
class Pooled(Size):
    """floor((axis + 1) / divisor)**2, a kind that the package does not have."""

    kind: ClassVar[str] = "pooled"
    axes: ClassVar[tuple[str, ...]] = ("H", "W")
    divisor: int

    def define(self, operations: Operations[T], value: T) -> T:
        return operations.square(operations.floor(value, 1, self.divisor), 0)

    @property
    def key(self) -> str:
        return f"{self.axis}!{self.divisor}"

    @property
    def letter(self) -> str:
        return "p"

    @property
    def order(self) -> tuple[str, int, int]:
        return self.axis, self.divisor, 0

    def smallest(self, size: int) -> int:
        return self.divisor * (isqrt(size - 1) + 1) - 1

    @property
    def period(self) -> int:
        return self.divisor

    def along(self, start: int, period: int) -> tuple[int, ...]:
        side, step = (start + 1) // self.divisor, period // self.divisor
        return side**2, 2 * side * step, step**2


def test_a_new_kind_of_size_is_a_class_and_a_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sizes, "KINDS", {**sizes.KINDS, Pooled.kind: Pooled})
    pooled, N = Pooled("H", 4), Polynomial.symbol("N")
    symbol = Polynomial.symbol(pooled.key)
    domain = Domain({"N": Free(1), "H": Free(pooled.smallest(4))})
    made = CostFormula.build(dict.fromkeys(QUANTITIES, (N * symbol * 3, N * symbol + 5)), [pooled], domain)
    assert made.symbols() == {"p1": "floor((H + 1)/4)**2"}
    assert CostFormula.from_dict(made.to_dict()) == made
    assert made.bind({"H": 11}).text("memory.peak") == "27*N"  # the other term is proved to be smaller
    points = {"N": np.array([1, 2]), "H": np.array([11, 4095])}
    assert evaluate(made, points)["memory.peak"].tolist() == [27, 6 * 1024**2]
    cell = ClosedForms("new", (made,))
    check([cell], tmp_path, number=20)
    assert r"\left\lfloor \frac{H + 1}{4} \right\rfloor^{2}" in FORMATS["latex"](
        [ClosedForms("new", (made,))], QUANTITIES
    )
