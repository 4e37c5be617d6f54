from __future__ import annotations

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from costmodel.algebra.monomial import ONE
from costmodel.algebra.polynomial import Polynomial

SYMBOLS = ("N", "h1", "w1", "r")
POINT = st.fixed_dictionaries({name: st.integers(1, 50) for name in SYMBOLS})


@st.composite
def polynomials(draw: st.DrawFn) -> Polynomial:
    terms = {}
    for _ in range(draw(st.integers(0, 5))):
        powers = {name: draw(st.integers(0, 2)) for name in SYMBOLS}
        monomial = tuple(sorted((name, power) for name, power in powers.items() if power))
        if coefficient := draw(st.integers(-99, 99)):
            terms[monomial] = coefficient
    return Polynomial(terms)


@given(polynomials(), polynomials(), POINT)
def test_arithmetic_is_that_of_the_values(a: Polynomial, b: Polynomial, at: dict[str, int]) -> None:
    assert (a + b).evaluate(at) == a.evaluate(at) + b.evaluate(at)
    assert (a - b).evaluate(at) == a.evaluate(at) - b.evaluate(at)
    assert (a * b).evaluate(at) == a.evaluate(at) * b.evaluate(at)
    assert (3 * a - 7).evaluate(at) == 3 * a.evaluate(at) - 7
    assert (5 - a).evaluate(at) == 5 - a.evaluate(at)
    assert Polynomial.total([a, b, a, 4]).evaluate(at) == 2 * a.evaluate(at) + b.evaluate(at) + 4


@given(polynomials(), POINT)
def test_text_parses_to_the_same_value(p: Polynomial, at: dict[str, int]) -> None:
    names = {name: sympy.Symbol(name) for name in SYMBOLS}
    expression = sympy.parse_expr(str(p), local_dict=names)
    assert int(expression.subs({names[n]: v for n, v in at.items()})) == p.evaluate(at)


@given(polynomials(), POINT)
def test_substitution(p: Polynomial, at: dict[str, int]) -> None:
    assert p.substitute(at).constant == p.evaluate(at)
    renamed = p.substitute({"h1": "s1", "w1": "s1"})
    assert renamed.evaluate({**at, "s1": 6}) == p.evaluate({**at, "h1": 6, "w1": 6})


@given(polynomials(), polynomials())
def test_equal_polynomials_hash_alike(a: Polynomial, b: Polynomial) -> None:
    assert (a + b) == (b + a)
    assert hash(a + b) == hash(b + a)
    assert a - a == 0
    assert hash(a - a) == hash(0)


def test_text_collects_like_terms() -> None:
    n, r, h, w = (Polynomial.symbol(name) for name in ("N", "r", "h1", "w1"))
    assert str(n * h * w * 32 + n * 8 + r * 5 - 12) == "N*(32*h1*w1 + 8) + 5*r - 12"
    assert str(-n * h) == "-N*h1"
    assert str(Polynomial({})) == "0"


def test_division_is_exact_or_an_error() -> None:
    p = Polynomial({ONE: 6, (("N", 1),): 9})
    assert p // 3 == Polynomial({ONE: 2, (("N", 1),): 3})
    with pytest.raises(ArithmeticError):
        _ = p // 2
    with pytest.raises(ArithmeticError):
        _ = p // Polynomial.symbol("N")
