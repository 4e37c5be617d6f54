"""Formulas as they lie in files: data that somebody else may have written, checked before anything is made of it.

A formula is printed as text that ``sympy.parse_expr`` evaluates as Python, and exported as a program. So its symbols
have to be among the few that this package gives: a base symbol, or a size named by `costmodel.algebra.sizes`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from costmodel.algebra.sizes import read
from costmodel.contract import AXES

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_OPERATOR = re.compile(r"[A-Za-z_][A-Za-z0-9_.:]{0,199}", re.ASCII)
_BOUNDS = ("lower", "upper", "fixed", "multiple")

MOST_SYMBOLS = 32
"""Factors of one product."""

_LONGEST = 10**100
"""No coefficient is as large: sizes are below 2**31, and products have few factors."""


def check_formula(data: Mapping[str, Any], quantities: Iterable[str], names: Iterable[str] = ()) -> None:
    """Refuse plain data that `CostFormula.to_dict` does not write.

    Args:
        data: of a formula.
        quantities: the names that it has to have, and no others.
        names: axes may have, beside the contract's own; plain words, which mean nothing in an expression.

    Raises:
        ValueError: which says what is wrong.
        LookupError, TypeError, AttributeError: where a part is missing, or of another shape.
    """
    sizes, monomials, expressions = data["sizes"], data["monomials"], data["quantities"]
    renamed = frozenset(names)
    for name in renamed:
        _need(_WORD.fullmatch(name) is not None and not keyword.iskeyword(name), "axis", name)
    for name, definition in sizes.items():
        _check_size(name, definition, renamed)
    _check_domain(data["domain"], renamed)
    known = {*AXES, *renamed, *sizes}
    for symbols in monomials:
        _need(type(symbols) is list and len(symbols) <= MOST_SYMBOLS and known.issuperset(symbols), "product", symbols)
    _need(expressions.keys() == {*quantities}, "quantities", list(expressions))
    for name, terms in expressions.items():
        _need(type(terms) is list and bool(terms), name, terms)
        for term in terms:
            _need(type(term) is list and len(term) % 2 == 0 and {int}.issuperset(map(type, term)), name, term)
            places, coefficients = term[::2], term[1::2]
            _need(len({*places}) == len(places), name, "a product twice")
            _need(not places or (min(places) >= 0 and max(places) < len(monomials)), name, "a product out of range")
            _need(not places or max(map(abs, coefficients)) < _LONGEST, name, "a coefficient out of range")


def check_unknown(operators: Mapping[str, Any]) -> None:
    """Refuse names of operators that are none, and numbers of calls.

    Raises:
        ValueError: which says what is wrong.
        AttributeError: where it is no mapping.
    """
    for name, times in operators.items():
        _need(_OPERATOR.fullmatch(name) is not None and type(times) is int and times > 0, "operator", name)


def _check_size(name: str, definition: list[Any], renamed: frozenset[str]) -> None:
    _, axis, *numbers = definition
    _need(all(type(number) is int and abs(number) < _LONGEST for number in numbers) and numbers[0] > 0, name, numbers)
    size = read(definition)
    _need(axis in size.axes or axis in renamed, name, definition)
    _need(name.startswith(size.letter) and _NUMBER.fullmatch(name, len(size.letter)) is not None, "size", name)


def _check_domain(domain: Mapping[str, Any], renamed: frozenset[str]) -> None:
    axes = {*AXES, *renamed}
    _need(domain.keys() <= {*_BOUNDS, "tied"}, "domain", list(domain))
    bounds = [domain.get(name, {}) for name in _BOUNDS]
    _need(all(axis in axes for axis in chain(*bounds)), "domain", bounds)
    _need(
        all(type(value) is int and 0 < value < _LONGEST for part in bounds for value in part.values()), "domain", bounds
    )
    for axis, other in domain.get("tied", {}).items():
        _need(axis in axes and other in domain["lower"], "domain", axis)


def _need(right: bool, what: str, found: object) -> None:
    if not right:
        raise ValueError(f"no formula: {what}: {found!r:.100}")
