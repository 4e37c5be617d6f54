"""Which instant of the step is the peak where, in batch and sides: scans of the terms, and traces where they win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.algebra.formula import CostFormula
from costmodel.cell.request import Request
from costmodel.contract import SIDES, Point
from costmodel.errors import CostModelError
from costmodel.questions.peak import Instant, explain
from costmodel.questions.scan import ENDS, Stretch, Winners, axes_of, scan, winner_map
from costmodel.sources.regions import along
from costmodel.sources.source import Source
from costmodel.tracing.record import StepRecord

if TYPE_CHECKING:
    from costmodel.sources.derive import Tracer

MOST_TRACES = 8
"""So many of the winning terms are traced, to say at which instant they are."""

BATCHES = (1, 2, 4, 8, 16, 32, 64)
LENGTHS = (16, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
"""Columns and rows of the map: samples, and pixels or tokens."""

TraceAt = Callable[[Point], StepRecord]


def winners(
    formulas: Sequence[CostFormula], point: Point, trace_at: TraceAt, most: int = MOST_TRACES
) -> tuple[Stretch, ...]:
    """Say which term wins where along the batch and along the sides, and at which instant of the step each term is.

    Args:
        formulas: as `scan`.
        point: what stays while one axis moves.
        trace_at: traces the step at a point.
        most: how many traces to make at most; the point itself comes first, then the terms that win at most values.
    """
    stretches = tuple(stretch for axes in axes_of(point) for stretch in scan(formulas, point, axes))
    values: Counter[int] = Counter()
    for stretch in stretches:
        values[stretch.term] += len(_values(stretch))
    where = {term: _nearest([s for s in stretches if s.term == term], point) for term, _ in values.most_common()}
    instants = locate(dict(sorted(where.items(), key=lambda item: item[1] != point)), trace_at, most)
    return tuple(replace(stretch, instant=instants.get(stretch.term)) for stretch in stretches)


def _values(stretch: Stretch) -> range:
    """Return the values of a stretch that were looked at."""
    last = ENDS[stretch.axis[0]] if stretch.last is None else stretch.last
    return range(stretch.first, last + 1, stretch.every)


def _nearest(stretches: Sequence[Stretch], point: Point) -> Point:
    """Return the point of some stretches that is nearest to a given one: the point itself where it is in one."""

    def near(stretch: Stretch) -> Point:
        axes = stretch.axis.split(" = ")
        values = _values(stretch)
        wanted = getattr(point, axes[0])
        value = wanted if wanted in values else min(values[0], values[-1], key=lambda end: abs(end - wanted))
        return replace(point, **dict.fromkeys(axes, value))

    def distance(other: Point) -> int:
        return sum(abs(value - point.values()[axis]) for axis, value in other.values().items())

    return min(map(near, stretches), key=distance)


def locate(where: Mapping[int, Point], trace_at: TraceAt, most: int = MOST_TRACES) -> dict[int, Instant]:
    """Say at which instant of the step terms are reached.

    Args:
        where: for each term a point at which it is the largest; the first ``most`` are traced.
        trace_at: traces the step at a point.
        most: how many traces to make at most.
    """
    return {term: explain(trace_at(at)).instant for term, at in list(where.items())[:most]}


@dataclass(frozen=True)
class Around:
    """Which term of the peak wins where around a point.

    Attributes:
        formulas: the closed forms at hand; their terms are counted through.
        stretches: along the batch and along the sides.
        batches: columns of the map.
        sides: rows of the map: H and W at once, or S; none where the sides have no closed form.
        map: the winning term, of shape (sides, batches); -1 where no formula holds.
        instants: when in the step a term is reached, for those that were traced.
    """

    formulas: tuple[CostFormula, ...]
    stretches: tuple[Stretch, ...]
    batches: tuple[int, ...]
    sides: tuple[int, ...]
    map: Winners
    instants: Mapping[int, Instant]


def around(cell: Source, asked: Request, tracer: Tracer, most: int = MOST_TRACES) -> Around:
    """Say which term of the peak wins where around a point.

    Args:
        cell: where formulas come from.
        asked: the point, numbers only.
        tracer: traces the cell.
        most: how many terms to trace at most, at one point each.

    Raises:
        CostModelError: when the point itself has no closed form.
    """
    point = asked.representative()
    formulas = formulas_around(cell, asked, tracer)
    stretches = winners(formulas, point, tracer.at, most)
    instants = {stretch.term: stretch.instant for stretch in stretches if stretch.instant}
    long = tuple(axis for axis in SIDES if getattr(point, axis) is not None)
    lengths = sorted({*LENGTHS, *(point.values()[axis] for axis in long)}) if long else []
    found = winner_map(formulas, point, BATCHES, lengths)
    kept = [row for row in range(len(lengths)) if (found[row] >= 0).any()]
    elsewhere: dict[int, Point] = {}
    for row in kept:
        for column, batch in enumerate(BATCHES):
            if (term := int(found[row, column])) >= 0 and term not in {s.term for s in stretches}:
                elsewhere.setdefault(term, replace(point, N=batch, **dict.fromkeys(long, lengths[row])))
    instants |= locate(elsewhere, tracer.at, most - len(instants))
    return Around(formulas, stretches, BATCHES, tuple(lengths[row] for row in kept), found[kept], instants)


def formulas_around(cell: Source, asked: Request, tracer: Tracer) -> tuple[CostFormula, ...]:
    """Return the formula at a point and those that hold along its batch and its sides, each once.

    One is enough but where N = 1 runs other operators than more, or the sides have a closed form elsewhere only.

    Raises:
        CostModelError: when the point itself has no closed form.
    """
    at, *wider = along(asked)
    formulas = [cell.derivation(at, tracer=tracer).formula]
    for free in wider:
        try:
            formula = cell.derivation(free, tracer=tracer).formula
        except CostModelError:  # no closed form there: the rest says what it can
            continue
        if not any(formula is other for other in formulas):
            formulas.append(formula)
    return tuple(formulas)
