"""Closed forms as functions, before they are written in any language."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from costmodel.algebra.domain import Domain
from costmodel.algebra.formula import CostFormula, Expression
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size, name_sizes
from costmodel.contract import AXES
from costmodel.errors import InputError
from costmodel.output.export.forms import ClosedForms, label, sizes_in, split


@dataclass(frozen=True, slots=True)
class Branch:
    """What a function returns in some regions: a polynomial plus maxima of polynomials.

    Attributes:
        regions: positions in the cell's formulas.
        symbols: what is named in it, parameters left out, in the order of their definition.
        plain: the polynomial.
        maxima: what is added to it, the largest of each.
        collect: symbols that terms are gathered by.
    """

    regions: tuple[int, ...]
    symbols: tuple[str, ...]
    plain: Polynomial
    maxima: tuple[Expression, ...]
    collect: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellFunctions:
    """The functions of one cell.

    Attributes:
        cell: what they are of.
        stem: what their names begin with.
        regions: for each formula the comparisons that hold where it does, in the syntax that C and Python share.
        unused: parameters that decide nothing in this cell.
        functions: for each quantity its branches.
    """

    cell: ClosedForms
    stem: str
    regions: tuple[tuple[str, ...], ...]
    unused: tuple[str, ...]
    functions: Mapping[str, tuple[Branch, ...]]


@dataclass(frozen=True, slots=True)
class Program:
    """Functions of several cells that all take the same parameters.

    Attributes:
        stem: what the cells have in common, for names.
        parameters: of every function, in order.
        constants: axes that have one value, or the value of another axis, in every cell: they are no parameters.
        sizes: definition of each named size, one name for one size in all cells.
        cells: the functions of each.
    """

    stem: str
    parameters: tuple[str, ...]
    constants: Mapping[str, int | str]
    sizes: Mapping[str, Size]
    cells: tuple[CellFunctions, ...]

    def argument(self, axis: str) -> str:
        """Write an axis as what it is inside a function: a parameter, or the value it always has."""
        return str(self.constants.get(axis, axis))


def program(cells: Sequence[ClosedForms], keys: Sequence[str], reserved: Collection[str]) -> Program:
    """Turn cells into functions.

    Args:
        cells: at least one; all functions take what any of the cells depends on.
        keys: the quantities.
        reserved: words that no parameter may be named by.

    Raises:
        InputError: for two cells of one name, or an axis named by a reserved word.
    """
    stems = [identifier(cell.name) for cell in cells]
    if twice := [cell.name for cell, stem in zip(cells, stems, strict=True) if stems.count(stem) > 1]:
        raise InputError(f"{' and '.join(twice)}: their functions would have one name")
    domains = [formula.domain for cell in cells for formula in cell.formulas]
    constants = _constants(domains)
    parameters = tuple(axis for axis in _axes(domains) if axis not in constants)
    for axis in parameters:
        if axis in reserved or keyword.iskeyword(axis):
            raise InputError(f"{axis}: this name has a meaning in the language to be written; choose another")
    sizes = {size.key: size for cell in cells for formula in cell.formulas for size in sizes_in(formula, keys).values()}
    names = name_sizes(sizes.values())
    assert len(set(names.values())) == len(sizes), "two sizes of one name"
    named = {name: sizes[key] for key, name in names.items()}
    return Program(
        stem=_common(cells),
        parameters=parameters,
        constants=constants,
        sizes=named,
        cells=tuple(
            _functions(cell, stem, keys, parameters, constants, names) for cell, stem in zip(cells, stems, strict=True)
        ),
    )


def identifier(name: str) -> str:
    """Turn a name into one that C and Python take."""
    words = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "cell"
    return f"model_{words}" if words[0].isdigit() else words


def function_name(key: str) -> str:
    """Return what the function of a quantity is called, after its cell's stem."""
    family = key.split(".")[0]
    return label(key) if family == "memory" else key.replace(".", "_").removeprefix("kind_")


def _common(cells: Sequence[ClosedForms]) -> str:
    words = zip(*(cell.name.split() for cell in cells), strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, words)]
    return identifier(" ".join(shared) or "cells")


def _axes(domains: Sequence[Domain]) -> list[str]:
    seen = list(dict.fromkeys(axis for domain in domains for axis in domain.conditions))
    return sorted(seen, key=AXES.index) if set(seen) <= set(AXES) else seen


def _constants(domains: Sequence[Domain]) -> dict[str, int | str]:
    """Find the axes that are fixed or tied alike wherever they occur."""
    found: dict[str, int | str] = {}
    for axis in _axes(domains):
        values = {domain.fixed.get(axis, domain.tied.get(axis)) for domain in domains if axis in domain.conditions}
        value = values.pop() if len(values) == 1 else None
        if value is not None:
            found[axis] = value
    return {axis: found.get(str(value), value) for axis, value in found.items()}


def _functions(
    cell: ClosedForms,
    stem: str,
    keys: Sequence[str],
    parameters: Sequence[str],
    constants: Mapping[str, int | str],
    names: Mapping[str, str],
) -> CellFunctions:
    formulas = [_renamed(formula, names) for formula in cell.formulas]
    used = {axis for formula in formulas for axis in parameters if axis in formula.domain.conditions}
    return CellFunctions(
        cell=cell,
        stem=stem,
        regions=tuple(tuple(_comparisons(formula.domain, parameters, constants)) for formula in formulas),
        unused=tuple(axis for axis in parameters if axis not in used),
        functions={key: _branches(formulas, key, (*constants, *names.values())) for key in keys},
    )


def _renamed(formula: CostFormula, names: Mapping[str, str]) -> CostFormula:
    """Give the named sizes the names that they have in all cells."""
    moved: Mapping[str, int | str] = {name: names.get(size.key, name) for name, size in formula.sizes.items()}
    quantities = {key: tuple(term.substitute(moved) for term in terms) for key, terms in formula.quantities.items()}
    return replace(formula, quantities=quantities)


def _comparisons(domain: Domain, parameters: Sequence[str], constants: Mapping[str, int | str]) -> Iterator[str]:
    comparisons = _Comparisons(constants)
    for axis in parameters:
        if axis in domain.conditions:
            yield from domain.conditions[axis].write(comparisons, axis)


@dataclass(frozen=True, slots=True)
class _Comparisons:
    """Conditions in the syntax that C and Python share.

    Attributes:
        constants: what is written for an axis that is no parameter.
    """

    constants: Mapping[str, int | str]

    def between(self, axis: str, lower: int, upper: int | None) -> list[str]:
        return [f"{axis} >= {lower}", *([] if upper is None else [f"{axis} <= {upper}"])]

    def multiple(self, axis: str, of: int) -> list[str]:
        return [f"{axis} % {of} == 0"]

    def equal(self, axis: str, value: int) -> list[str]:
        return [f"{axis} == {value}"]

    def same(self, axis: str, other: str) -> list[str]:
        return [f"{axis} == {self.constants.get(other, other)}"]


def _branches(formulas: Sequence[CostFormula], key: str, defined: Sequence[str]) -> tuple[Branch, ...]:
    """Write a quantity once for all regions in which it is the same."""
    found: dict[Branch, list[int]] = {}
    for at, formula in enumerate(formulas):
        plain, maxima = split(formula, key)
        used = plain.symbols.union(*(term.symbols for terms in maxima for term in terms))
        collect = tuple(axis for axis in formula.collected if axis in used)
        branch = Branch((), tuple(name for name in defined if name in used), plain, maxima, collect)
        found.setdefault(branch, []).append(at)
    return tuple(replace(branch, regions=tuple(regions)) for branch, regions in found.items())
