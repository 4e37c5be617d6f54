"""Which term of the peak's ``Max`` is the largest where, in batch and sides: by evaluation of every integer point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from costmodel.algebra.domain import Domain
from costmodel.algebra.formula import PEAK, CostFormula, largest
from costmodel.contract import SIDES, Point
from costmodel.questions.peak import Instant

ENDS: Mapping[str, int] = {"N": 1024, "H": 2048, "W": 2048, "S": 2048}
"""The largest value of each axis that is looked at."""

Winners = npt.NDArray[np.int64]
"""Which term wins, of shape (sides, batches)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring values of an axis at which one term is the largest; where several are, the first of them.

    Attributes:
        axis: ``N``, ``H``, ``W`` or ``S``, or ``H = W`` where both sides grow together.
        first: the smallest value.
        last: the largest value; ``None`` where the term is proved to win at every larger one too.
        every: the distance between values, more than 1 where the model takes multiples only.
        cut: whether the axis was looked at no further than ``last``, so that the term may go on winning.
        term: the term's place among the peak's terms of all formulas at hand, counted through.
        text: the term's bytes along the axis, as an expression; ``S`` is the side of a square.
        sizes: definitions of the named sizes in the text.
        instant: when in the step the term is reached; ``None`` where that was not traced.
    """

    axis: str
    first: int
    last: int | None
    every: int
    cut: bool
    term: int
    text: str
    sizes: Mapping[str, str]
    instant: Instant | None = None


class _Terms:
    """The peak's terms of one formula, each a quantity of its own."""

    def __init__(self, formula: CostFormula, offset: int) -> None:
        self.domain = formula.domain
        self.offset = offset
        self.count = len(formula.quantities[PEAK])
        split = {str(index): (term,) for index, term in enumerate(formula.quantities[PEAK])}
        self._apart = CostFormula(split, formula.sizes, formula.domain)

    def bind(self, values: Mapping[str, int | str]) -> CostFormula:
        """Bind axes; every term stays, under its number as text."""
        return self._apart.bind(values)

    def winner(self, values: Mapping[str, int]) -> int:
        """Return which term is the largest at a point, counted over all formulas at hand."""
        found = list(self._apart.evaluate(values).values())
        return self.offset + found.index(max(found))


class _Line:
    """A line of points through the formulas: some axes move together, the others stay."""

    def __init__(self, formulas: Sequence[_Terms], point: Point, axes: tuple[str, ...]) -> None:
        self.formulas = formulas
        self.axes = axes
        self.name = " = ".join(axes)
        self.symbol = axes[0] if len(axes) == 1 else "S"
        self._stay = {axis: value for axis, value in point.values().items() if axis not in axes}

    def at(self, value: int) -> dict[str, int]:
        """Return the axes of the point at a value."""
        return self._stay | dict.fromkeys(self.axes, value)

    def formula(self, value: int) -> _Terms | None:
        """Return the first formula that holds at a value."""
        return _holding(self.formulas, self.at(value))

    def along(self, terms: _Terms) -> CostFormula:
        """Return a formula's terms as functions of the line's symbol; as numbers where it holds at one value."""
        if not all(map(terms.domain.frees, self.axes)):
            return terms.bind(self.at(terms.domain.fixed[self.axes[0]]))
        return terms.bind(self._stay | dict.fromkeys(self.axes, self.symbol))

    def wins_from(self, terms: _Terms, term: int, start: int) -> bool:
        """Tell whether a term is proved to be the largest at every value from ``start`` on."""
        along = self.along(terms)
        free = along.domain.along(self.symbol)
        if free is None:
            return False
        keys: dict[str, int | str] = {name: size.key for name, size in along.sizes.items()}
        bound = {int(key): expression[0].substitute(keys) for key, expression in along.quantities.items()}
        beyond = Domain({self.symbol: replace(free, lower=start)})
        sizes = {size.key: size for size in along.sizes.values()}
        kept = largest(tuple(dict.fromkeys(bound.values())), beyond, sizes)
        return kept == (bound[term - terms.offset],)


def _number(formulas: Sequence[CostFormula]) -> list[_Terms]:
    """Count the terms of all formulas through."""
    numbered: list[_Terms] = []
    for formula in formulas:
        numbered.append(_Terms(formula, numbered[-1].offset + numbered[-1].count if numbered else 0))
    return numbered


def _holding(formulas: Sequence[_Terms], values: Mapping[str, int]) -> _Terms | None:
    return next((terms for terms in formulas if terms.domain.contains(values)), None)


def axes_of(point: Point) -> tuple[tuple[str, ...], ...]:
    """Return the axes to look along, each with those that move with it: the sides of a square move at once."""
    sides = [axis for axis in SIDES if getattr(point, axis) is not None]
    if point.H == point.W and {"H", "W"} <= {*sides}:
        return (("N",), ("H", "W"), *((axis,) for axis in sides if axis == "S"))
    return (("N",), *((axis,) for axis in sides))


def scan(
    formulas: Sequence[CostFormula], point: Point, axes: tuple[str, ...], end: int | None = None
) -> tuple[Stretch, ...]:
    """Evaluate the terms at every integer along an axis and say which wins where. Exact up to where it looks.

    Args:
        formulas: closed forms of one cell; at each value the first that holds there counts, and values at which none
            holds are left out. One is enough where it is free in the axis.
        point: the axes that stay.
        axes: one of `axes_of`.
        end: the largest value to look at, `ENDS` if left out.
    """
    line = _Line(_number(formulas), point, axes)
    return tuple(_stretches(line, ENDS[axes[0]] if end is None else end))


def _stretches(line: _Line, end: int) -> Iterator[Stretch]:
    runs: list[tuple[_Terms, int, range]] = []
    for value in range(1, end + 1):
        terms = line.formula(value)
        if terms is None:
            continue
        every = max((free.multiple for axis in line.axes if (free := terms.domain.along(axis))), default=1)
        winner = terms.winner(line.at(value))
        if runs and runs[-1][1] == winner and runs[-1][2].stop == value:
            first = runs[-1][2].start
            runs[-1] = (terms, winner, range(first, value + every, every))
        else:
            runs.append((terms, winner, range(value, value + every, every)))
    lines: dict[int, CostFormula] = {}
    for terms, winner, values in runs:
        along = lines.setdefault(terms.offset, line.along(terms))
        key = str(winner - terms.offset)
        named = along.quantities[key][0].symbols
        goes_on = values.stop > end and line.formula(values.stop) is terms
        proved = goes_on and line.wins_from(terms, winner, values.stop)
        yield Stretch(
            axis=line.name,
            first=values.start,
            last=None if proved else values[-1],
            every=values.step,
            cut=goes_on and not proved,
            term=winner,
            text=along.text(key),
            sizes={name: size.text for name, size in along.sizes.items() if name in named},
        )


def winner_map(formulas: Sequence[CostFormula], point: Point, batches: Sequence[int], sides: Sequence[int]) -> Winners:
    """Say which term wins at each of some batches and sides.

    Args:
        formulas: as `scan`.
        point: the axes that stay: the rank.
        batches: values of N, along the columns.
        sides: values of H and W at once, or of S, along the rows.

    Returns:
        Places of the winning terms among all terms, of shape (sides, batches); -1 where no formula holds.
    """
    numbered = _number(formulas)
    long = [axis for axis in SIDES if getattr(point, axis) is not None]
    result: Winners = np.full((len(sides), len(batches)), -1, dtype=np.int64)
    for row, side in enumerate(sides):
        for column, batch in enumerate(batches):
            values = point.values() | dict.fromkeys(long, side) | {"N": batch}
            if terms := _holding(numbered, values):
                result[row, column] = terms.winner(values)
    return result
