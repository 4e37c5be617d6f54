"""From a cell to its closed form: trace at two points, lift, count, replay, keep what can win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from costmodel.contract import AXES, CONVENTIONS, GROUPS, KINDS, PHASES, Band, Point
from costmodel.domain import Domain
from costmodel.errors import InputError, LiftError
from costmodel.formula import INPUT, PEAK, CostFormula, Derivation, Expression, flops_key, kind_key, memory_key
from costmodel.memory import MemoryEvent, replay
from costmodel.methods import Method
from costmodel.polynomial import Polynomial
from costmodel.rules import arithmetic, paper, torch_counter
from costmodel.sizes import Capped, Strided
from costmodel.subjects import Subject
from costmodel.tracing.lift import LiftedStep, lift
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.step import collector_off, record_step

GENERIC = Point(N=211, H=4193, W=5345, r=10007)
"""Large and coprime, so that a size is known by its value; 4193 and 5345 are odd at every halving down to 1/32, where
rounding up and rounding down differ."""

CORNER = Point(N=1, H=97, W=161, r=1)
"""The other end of the domain, with odd sides, where a structural difference would show itself."""

SMALLEST_SIDE = 2
"""Every stage size is at least this in the free domain: at 1, torch runs other operators."""


def derive(subject: Subject, method: Method, point: Point, pinned: Mapping[str, int], band: Band) -> Derivation:
    """Derive the closed form for the region around a point.

    Args:
        subject: the model.
        method: how it is adapted.
        point: decides between regions: N = 1 or more, r = 1 or more.
        pinned: sides (H, W) to hold at one value because a stage would shrink to 1.
        band: ranks to hold for, where the rank does not saturate.

    Raises:
        InputError: when the model refuses the size.
        TraceError: when an operator cannot be traced.
        LiftError: when no closed form is found.
    """
    memo = ShapeMemo()
    # First the widest region; where its two ends differ, N = 1 and then r = 1 become regions of their own.
    attempts = dict.fromkeys([method.splits, "N" + method.splits.replace("N", ""), "Nr"])
    failure: LiftError | InputError | None = None
    for splits in attempts:
        held = dict(pinned)
        held |= {axis: 1 for axis in splits if getattr(point, axis) == 1}
        corner_values = {axis: 2 if axis in splits else 1 for axis in ("N", "r")}
        generic = _at(GENERIC, method, held)
        corner = _at(replace(CORNER, **corner_values), method, held)
        try:
            with collector_off():  # hundreds of thousands of small objects, none of them garbage
                step = lift(record_step(subject, method, generic, memo), record_step(subject, method, corner, memo))
        except (LiftError, InputError) as error:
            if isinstance(error, InputError) and point.N == 1 and {"H", "W"} <= set(held):
                raise  # the very size asked for
            failure = error
            continue
        return _derivation(step, _domain(step, method, held, corner_values, band))
    if isinstance(failure, InputError):
        record_step(subject, method, point, memo)  # says so where the point asked for is itself refused
        raise LiftError(f"no closed form, {subject.name} refuses a size of the region: {failure}")
    assert failure is not None
    raise failure


def holds(subject: Subject, method: Method, formula: CostFormula, point: Point) -> bool:
    """Tell whether a formula gives what a fresh trace at one point adds up to, in every number."""
    return formula.evaluate(point.values()) == add_up(record_step(subject, method, point))


def _at(point: Point, method: Method, held: Mapping[str, int]) -> Point:
    values = {**point.values(), **held}
    return Point(values["N"], values["H"], values["W"], values["r"] if method.ranked else None)


def _domain(step: LiftedStep, method: Method, held: Mapping[str, int], corner: Mapping[str, int], band: Band) -> Domain:
    lower: dict[str, int] = {}
    upper: dict[str, int] = {}
    for axis in AXES:
        if axis in held or (axis == "r" and not method.ranked):
            continue
        sizes = [size for size in step.sizes.values() if isinstance(size, Strided) and size.axis == axis]
        lower[axis] = max((size.smallest(SMALLEST_SIDE) for size in sizes), default=corner.get(axis, 1))
    if "r" in lower and not any(isinstance(size, Capped) for size in step.sizes.values()):
        lower["r"] = max(lower["r"], band[0])
        if band[1] is not None:
            upper["r"] = band[1]
    return Domain(lower, upper, dict(held))


def _derivation(step: LiftedStep, domain: Domain) -> Derivation:
    quantities: dict[str, Expression] = {}
    unknown: Counter[str] = Counter()
    for phase in PHASES:
        kinds: dict[str, list[int | Polynomial]] = {kind: [] for kind in KINDS}
        counted: dict[str, list[int | Polynomial]] = {"torch": [], "paper": []}
        for call, times in step.calls[phase]:
            cost = arithmetic.count(call)
            if cost is None:
                unknown[call.packet] += times
            for kind, flops in (cost or {}).items():
                kinds[kind].append(times * flops)
            counted["torch"].append(times * torch_counter.count(call))
            counted["paper"].append(times * paper.count(call))
        parts = {kind: Polynomial.total(values) for kind, values in kinds.items()}
        totals = {"arithmetic": Polynomial.total(parts.values())}
        totals |= {convention: Polynomial.total(values) for convention, values in counted.items()}
        quantities |= {flops_key(convention, phase): (totals[convention],) for convention in CONVENTIONS}
        quantities |= {kind_key(kind, phase): (parts[kind],) for kind in KINDS}
    quantities |= _memory(step, domain)
    quantities[INPUT] = (step.input_bytes,)
    grouped = sum(times for call, times in step.calls["forward"] if call.packet == "convolution" and call.args[8] > 1)
    return Derivation(CostFormula.build(quantities, step.sizes.values(), domain), dict(unknown), grouped)


def _memory(step: LiftedStep, domain: Domain) -> dict[str, Expression]:
    from costmodel.dominance import Certificate, to_polynomial

    timeline = replay((MemoryEvent(e.storage, e.group, nbytes) for e, nbytes in step.events), step.samples)
    certificate = Certificate(domain, step.sizes, timeline.monomials)
    instants = {memory_key(group): timeline.groups[group] for group in GROUPS} | {PEAK: timeline.total()}
    return {
        key: tuple(to_polynomial(row, timeline.monomials) for row in certificate.undominated(rows))
        for key, rows in instants.items()
    }
