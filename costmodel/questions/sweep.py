"""Ranges of sizes over methods and models, evaluated as arrays, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.algebra.formula import QUANTITIES, SUM_OF_GROUP_PEAKS, CostFormula
from costmodel.algebra.grid import Integers, covered, evaluate, with_sum
from costmodel.cell.axes import AXIS, RESOLUTION
from costmodel.cell.request import request_at
from costmodel.contract import AXES, DEFAULTS, SIDES
from costmodel.errors import CostModelError, InputError
from costmodel.sources.source import Source

CHUNK = 1 << 16
"""Points evaluated at a time: their numbers fit in a few tens of megabytes, however large the sweep."""

MOST_POINTS = 10**12
"""Points of a grid: more would take weeks."""

COLUMNS = (*QUANTITIES, SUM_OF_GROUP_PEAKS)
"""The quantities of a swept point."""

Say = Callable[[str, int, int], None]
"""Told what is being worked on, how many points are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Grid:
    """One cell over ranges: every combination, the last axis varying fastest.

    Attributes:
        source: where the cell's formulas come from.
        axes: the values of each axis; ``W`` is left out where it equals ``H``.
        square: whether the width is the height.
    """

    source: Source
    axes: Mapping[str, Sequence[int]]
    square: bool

    def __len__(self) -> int:
        return prod(map(len, self.axes.values()))

    def points(self, start: int, stop: int) -> dict[str, Integers]:
        """Return the values of each axis at some of the points, in the order of the grid."""
        places = np.unravel_index(np.arange(start, stop), [len(values) for values in self.axes.values()])
        found = {axis: _at(values, place) for (axis, values), place in zip(self.axes.items(), places, strict=True)}
        if self.square:
            found["W"] = found["H"]
        return {axis: found[axis] for axis in AXES if axis in found}


def grid_of(source: Source, values: Mapping[str, Sequence[int]]) -> Grid:
    """Return the grid of a cell over ranges by their options' names; what is not given is at the cell's default.

    Raises:
        InputError: for more points than can be evaluated.
    """
    inputs, method = source.setup.subject.inputs, source.setup.method
    own = {"N": DEFAULTS["N"], **inputs.defaults, **({} if method.rank is None else {"r": method.rank})}
    axes = {axis: values.get(AXIS[axis].option, (default,)) for axis, default in own.items()}
    square = RESOLUTION.option in values
    if square:
        axes["H"] = values[RESOLUTION.option]
        del axes["W"]
    points = prod(map(len, axes.values()))
    if points > MOST_POINTS:
        raise InputError(f"{points:,} points: a sweep has up to {MOST_POINTS:,}; give a step as in 1:64:8")
    return Grid(source, axes, square)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some points of one cell and their cost.

    Attributes:
        model, method: the cell.
        points: values of each axis; arrays of one length.
        costs: each of `COLUMNS` at these points, FLOPs or bytes.
        lower_bound: whether arithmetic FLOPs are at least these, because the step has an operator without a rule.
    """

    model: str
    method: str
    points: Mapping[str, Integers]
    costs: Mapping[str, Integers]
    lower_bound: bool = False

    def __len__(self) -> int:
        return len(self.costs[SUM_OF_GROUP_PEAKS])


@dataclass(frozen=True, slots=True)
class Refusal:
    """Points that have no cost.

    Attributes:
        model, method: the cell.
        points: how many.
        reason: of the first of them, in one line.
    """

    model: str
    method: str
    points: int
    reason: str

    def __str__(self) -> str:
        return f"{self.model} {self.method}: {self.points:,} points left out, the first because: {self.reason}"


def _at(values: Sequence[int], place: npt.NDArray[np.intp]) -> Integers:
    if isinstance(values, range):
        return values.start + values.step * place.astype(np.int64)
    return np.asarray(values, dtype=np.int64)[place]


def sweep(grids: Sequence[Grid], say: Say, chunk: int = CHUNK) -> Iterator[Chunk | Refusal]:
    """Evaluate grids, one chunk after the other.

    A formula is derived for the first point that none at hand holds for, and answers for all points of its domain. Code
    of the caller's may branch on any size: there each point is checked against a fresh trace of its own.

    Args:
        grids: what to evaluate, in order.
        say: told before each chunk.
        chunk: points at a time.

    Yields:
        Chunks in the order of the grid, points without a cost left out; after the last chunk of a grid a `Refusal`
        where there are such points.

    Raises:
        InputError: where a number does not fit into 64 bits.
    """
    total, done = sum(map(len, grids)), 0
    for grid in grids:
        setup = grid.source.setup
        cell = _Cell(grid.source)
        for start in range(0, len(grid), chunk):
            say(f"{setup.subject.name} {setup.method.name}", done, total)
            points = grid.points(start, min(start + chunk, len(grid)))
            kept, costs = cell.costs(points)
            done += len(kept)
            points = {axis: values[kept] for axis, values in points.items()}
            if kept.any():
                yield Chunk(setup.subject.name, setup.method.name, points, costs, cell.lower_bound)
        if cell.reason:
            yield Refusal(setup.subject.name, setup.method.name, cell.refused, cell.reason)
        say(f"{setup.subject.name} {setup.method.name}", done, total)


class _Cell:
    """The formulas that a sweep has met so far in one cell, and the points that have none."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._formulas: list[CostFormula] = []
        self._refused: set[tuple[int, ...]] = set()
        # A convolution with groups that was chosen as a target takes only the ranks that its groups divide.
        # Code of the caller's may branch on a size: each point is asked for by itself.
        self._alone = not source.setup.by_name
        self._by_rank = source.setup.options.targets is not None or bool(source.setup.method.identity)
        self.refused = 0
        self.reason = ""
        self.lower_bound = False

    def costs(self, points: Mapping[str, Integers]) -> tuple[npt.NDArray[np.bool_], dict[str, Integers]]:
        """Return which points have a cost, and every quantity at those."""
        length = len(next(iter(points.values())))
        left = np.ones(length, dtype=bool)
        kept = np.zeros(length, dtype=bool)
        found = {key: np.zeros(length, dtype=np.int64) for key in COLUMNS}
        known = iter(self._formulas if not self._alone else ())
        refused = self._refusable(points)
        while left.any():
            formula = next(known, None)
            if formula is None:
                first = int(left.argmax())
                formula = self._derive({axis: int(values[first]) for axis, values in points.items()})
            if formula is None:
                same = np.logical_and.reduce([values == values[first] for values in refused])
                self.refused += int((left & same).sum())
                left &= ~same
                continue
            inside = left & covered(formula, points)
            if self._alone:
                inside &= np.logical_and.reduce([values == values[int(left.argmax())] for values in points.values()])
            if inside.any():
                self.lower_bound |= formula.lower_bound
                costs = with_sum(evaluate(formula, {axis: values[inside] for axis, values in points.items()}))
                for key, numbers in costs.items():
                    found[key][inside] = numbers
                kept |= inside
                left &= ~inside
        return kept, {key: numbers[kept] for key, numbers in found.items()}

    def _refusable(self, points: Mapping[str, Integers]) -> list[npt.NDArray[Any]]:
        """Return what decides whether a point is refused: its sides, whether the batch is one input, maybe the rank.

        Of a module of the caller's all does.
        """
        if self._alone:
            return list(points.values())
        held = [values for axis, values in points.items() if axis in SIDES or (axis == "r" and self._by_rank)]
        return [*held, points["N"] == 1]

    def _derive(self, point: Mapping[str, int]) -> CostFormula | None:
        """Return the formula for a point; ``None`` where it is refused or has no formula."""
        key = tuple(int(value) for (value,) in self._refusable({axis: np.array([at]) for axis, at in point.items()}))
        if key in self._refused:
            return None
        try:
            formula = self._source.derivation(request_at(self._source.setup, point)).formula
        except CostModelError as error:
            self.reason = self.reason or str(error)
            self._refused.add(key)
            return None
        self._formulas.append(formula)
        return formula
