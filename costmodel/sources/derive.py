"""From a cell to its closed form: trace at two points, lift, count, replay, keep what can win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import prod

from costmodel.algebra.domain import Condition, Domain, Fixed, Free, Tied
from costmodel.algebra.formula import (
    INPUT,
    PEAK,
    CostFormula,
    Derivation,
    Expression,
    flops_key,
    kind_key,
    memory_key,
    with_first,
)
from costmodel.algebra.polynomial import Polynomial
from costmodel.cell.setup import Setup
from costmodel.contract import AXES, GROUPS, KINDS, SIDES, Band, Point
from costmodel.errors import CostModelError, InputError, LiftError, TraceError
from costmodel.rules import arithmetic
from costmodel.rules.counters import COUNTERS
from costmodel.sources import regions
from costmodel.sources.regions import ALONE, GENERAL
from costmodel.tracing.lift import LiftedStep, lift
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.record import StepRecord
from costmodel.tracing.replay import replay
from costmodel.tracing.step import collector_off, record_step

GENERIC = Point(N=211, H=4193, W=5345, r=10007, S=113)
"""Large and coprime, so that a size is known by its value; 4193 and 5345 are odd at every halving down to 1/32, where
rounding up and rounding down differ."""

CORNER = Point(N=1, H=127, W=159, r=1, S=7)
"""The other end of the domain, where a structural difference would show itself. Where halving the generic sides rounded
down gives even numbers, here it gives odd ones, so that no stage is twice the next at both points."""

WITNESS = Point(N=3, H=332, W=410, r=5, S=31)
"""Where a formula has to prove itself if a size was taken for what it looks like: even sides."""

UNITS = {GENERIC: (257, 331), CORNER: (2, 3), WITNESS: (5, 4)}
"""Height and width in multiples, where a closed form holds at the multiples of a number only."""

SMALLEST_SIDE = 2
"""Every stage size is at least this in the free domain: at 1, torch runs other operators."""


def derive(tracer: Tracer, point: Point, pinned: Mapping[str, int], band: Band) -> Derivation:
    """Derive the closed form for the region around a point.

    Args:
        tracer: traces the cell: model, method and training.
        point: decides between regions: N = 1 or more, r = 1 or more.
        pinned: axes to hold at one value.
        band: ranks to hold for, where the rank does not saturate.

    Raises:
        InputError: when the model refuses the size.
        TraceError: when an operator cannot be traced.
        LiftError: when no closed form is found.
    """
    setup = tracer.setup
    failure: CostModelError | None = None
    for region in regions.splits(setup.method):  # the widest first
        held = dict(pinned)
        held |= {axis: ALONE for axis in region if getattr(point, axis) == ALONE}
        try:
            return _between(tracer, region, held, band)
        except LiftError as error:
            failure = error
        except (InputError, TraceError) as error:
            tracer.at(point)  # says so where the point asked for is itself refused
            failure = error
    if isinstance(failure, InputError):
        raise LiftError(f"no closed form, {setup.subject.name} refuses a size of the region: {failure}")
    assert failure is not None
    raise failure


class Tracer:
    """Traces a cell at points, each once, for as many regions as are derived with it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._memo = ShapeMemo()
        self._records: dict[Point, StepRecord] = {}

    def at(self, point: Point) -> StepRecord:
        """Return the record of a point."""
        if point not in self._records:
            self._records[point] = record_step(self.setup, point, self._memo)
        return self._records[point]


def _between(tracer: Tracer, region: str, held: Mapping[str, int], band: Band) -> Derivation:
    """Derive from the traces at two points, and check the result at a third where sizes were guessed.

    Cells that the tests compare with fresh traces are not checked again.
    """
    setup = tracer.setup
    ends = {axis: GENERAL if axis in region else ALONE for axis in regions.apart(setup.method)}
    generic = _at(GENERIC, setup, held)
    corner = replace(_at(CORNER, setup, held), **{axis: end for axis, end in ends.items() if axis not in held})
    if generic.r is not None and "r" not in held:
        generic = replace(generic, r=_beyond(tracer.at(generic), generic.r))
    with collector_off():  # hundreds of thousands of small objects, none of them garbage
        step = lift(tracer.at(generic), tracer.at(corner), setup.subject.closed)
    made = _derivation(step, _domain(step, setup, held, ends, band), setup.training.accumulate)
    if step.guessed and not setup.verified:
        witness = _at(WITNESS, setup, held)
        if not (made.formula.domain.contains(witness.values()) and holds(tracer, made.formula, witness)):
            raise LiftError(f"sizes that looked alike are not: the formula does not hold at {witness.values()}")
    return made


def _beyond(record: StepRecord, rank: int) -> int:
    """Return a rank that no parameter of a step reaches, so that each of them shows where the rank saturates."""
    sides = (min(ref.shape[0], prod(ref.shape[1:])) for ref in record.setup if len(ref.shape) > 1)
    largest = max(sides, default=0)
    return next(prime for prime in (rank, *_PRIMES) if prime > largest)


_PRIMES = (100_003, 1_000_003, 10_000_019, 100_000_007, 2**31 - 1)
"""Ranks for models with wider layers than any that is known by name."""


def holds(tracer: Tracer, formula: CostFormula, point: Point) -> bool:
    """Tell whether a formula gives what a trace at one point adds up to, in every number."""
    return with_first(formula.evaluate(point.values())) == with_first(add_up(tracer.at(point)))


def _at(point: Point, setup: Setup, held: Mapping[str, int]) -> Point:
    """Move a point onto the axes and the lattice of a subject."""
    axes, lattice = setup.subject.inputs.axes, setup.subject.closed
    values = {axis: value for axis, value in point.values().items() if axis not in SIDES or axis in axes}
    if lattice.multiple > 1:
        values |= {
            axis: units * lattice.multiple for axis, units in zip("HW", UNITS[point], strict=True) if axis in axes
        }
    if lattice.square:
        values["W"] = values["H"]
    if not setup.method.ranked:
        del values["r"]
    return Point.of({**values, **held})


def _domain(step: LiftedStep, setup: Setup, held: Mapping[str, int], ends: Mapping[str, int], band: Band) -> Domain:
    lattice = setup.subject.closed
    axes = setup.subject.inputs.axes
    conditions: dict[str, Condition] = {}
    for axis in AXES:
        if axis in held or (axis == "r" and not setup.method.ranked) or (axis in SIDES and axis not in axes):
            continue
        if axis == "W" and lattice.square and "H" in conditions:
            conditions[axis] = Tied("H")
            continue
        sizes = [size for size in step.sizes.values() if axis in SIDES and size.axis == axis]
        lower = max((size.smallest(SMALLEST_SIDE) for size in sizes), default=ends.get(axis, 1))
        free = Free(lower, step.limits.get(axis), lattice.multiple if axis in ("H", "W") else 1)
        if axis == "r" and not any(size.saturates for size in step.sizes.values()):
            free = Free(max(lower, band[0]), band[1])
        conditions[axis] = replace(free, lower=free.first)
    return Domain(conditions | {axis: Fixed(value) for axis, value in held.items()})


def _derivation(step: LiftedStep, domain: Domain, micro_batches: int) -> Derivation:
    quantities: dict[str, Expression] = {}
    unknown: Counter[str] = Counter()
    for phase in step.calls:
        kinds: dict[str, list[int | Polynomial]] = {kind: [] for kind in KINDS}
        counted: dict[str, list[int | Polynomial]] = {convention: [] for convention in COUNTERS}
        for call, times in step.calls[phase]:
            cost = arithmetic.count(call)
            if cost is None:
                unknown[call.packet] += times
            for kind, flops in (cost or {}).items():
                kinds[kind].append(times * flops)
            for convention, count in COUNTERS.items():
                counted[convention].append(times * count(call))
        quantities |= {flops_key(name, phase): (Polynomial.total(values),) for name, values in counted.items()}
        quantities |= {kind_key(kind, phase): (Polynomial.total(values),) for kind, values in kinds.items()}
    quantities |= _memory(step, domain)
    quantities[INPUT] = (step.input_bytes,)
    grouped = sum(
        times for call, times in step.calls["forward"] if call.packet == "convolution" and call.arg("groups") > 1
    )
    gradients = any(
        call.packet == "convolution_backward" and call.arg("groups") > 1 and call.arg("output_mask")[1]
        for call, _ in step.calls["backward"]
    )
    formula = CostFormula.build(quantities, step.sizes.values(), domain)
    return Derivation(formula, dict(unknown), grouped // micro_batches, gradients, step.found)


def _memory(step: LiftedStep, domain: Domain) -> dict[str, Expression]:
    from costmodel.algebra.dominance import Certificate, to_polynomial

    timeline = replay(step.events, step.samples)
    certificate = Certificate(domain, step.sizes, timeline.monomials)
    instants = {memory_key(group): timeline.groups[group] for group in GROUPS} | {PEAK: timeline.total()}
    return {
        key: tuple(to_polynomial(row, timeline.monomials) for row in certificate.undominated(rows))
        for key, rows in instants.items()
    }
