"""From a step traced at two points of integers to the same step in symbols.

The first point is generic: its sizes are large and coprime, so that an extent can be recognised by its value. The
second is a corner of the domain (N = 1, r = 1, odd sides). Both traces must have the same operators and the same
storage events in the same order; then every pair of values is read as a polynomial in N, r and the named sizes, windows
being derived from their own arguments rather than from values. What cannot be read raises; nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size
from costmodel.cell.inputs import Lattice
from costmodel.contract import FIRST, PHASES, phase_of
from costmodel.errors import LiftError
from costmodel.rules.call import Call
from costmodel.tracing.extents import learn
from costmodel.tracing.live import MemoryEvent
from costmodel.tracing.reader import Reader
from costmodel.tracing.record import BIRTH, DEATH, OpCall, StepRecord, StorageEvent, TensorRef, tensors

_VIEWS = frozenset(
    {"alias", "as_strided", "detach", "expand", "permute", "slice", "squeeze", "t", "transpose", "unsqueeze", "view"}
)
"""Operators that may only look at a storage in another way; `_kept` says when such a call is left out."""


@dataclass(frozen=True, slots=True)
class LiftedStep:
    """A step in symbols.

    Attributes:
        calls: for each phase of the contract, distinct calls with the number of times they occur; for step 0's passes
            too where they are others than step 1's.
        events: the storage events in order, sizes in symbols.
        samples: number of events before each sampling instant.
        sizes: named sizes by key.
        input_bytes: bytes of the input batch.
        limits: the largest value of an axis that tables of positions allow.
        found: what the model brought along, see `StepRecord`.
        guessed: whether a size was taken to be what it looks like, so that the result has to be checked elsewhere.
    """

    calls: dict[str, list[tuple[Call, int]]]
    events: list[MemoryEvent[Polynomial]]
    samples: list[int]
    sizes: dict[str, Size]
    input_bytes: Polynomial
    limits: dict[str, int]
    guessed: bool
    found: dict[str, dict[str, int]]


def lift(generic: StepRecord, corner: StepRecord, lattice: Lattice) -> LiftedStep:
    """Join two traces of one cell into one symbolic step.

    Args:
        generic: traced at large coprime sizes.
        corner: traced at another point of the same region; an axis with one value in both is a constant.
        lattice: which sides the model takes.

    Raises:
        LiftError: when the two differ in structure, or a size cannot be read as a closed form.
    """
    generic, corner = _in_order(generic), _in_order(corner)
    (kept, views), (others, other_views) = _kept(generic), _kept(corner)
    _require_same_structure(generic, corner, kept, others)
    reader = Reader(generic, corner, lattice)
    counters: dict[str, Counter[Any]] = {phase: Counter() for phase in (*PHASES, *FIRST.values())}
    made: dict[Any, Call] = {}
    first_views: dict[int, tuple[TensorRef, TensorRef]] = {}
    for left, right in zip(generic.setup, corner.setup, strict=True):
        first_views[left.storage] = (left, right)
    for a, b, before, other_before in zip(kept, others, views, other_views, strict=True):
        if [view.name for view in before] == [view.name for view in other_before]:
            for view, other_view in zip(before, other_before, strict=True):
                learn(reader, view, other_view)
        reader.may_saturate = a.phase == "optimizer"
        learn(reader, a, b)
        for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
            first_views.setdefault(left.storage, (left, right))
        key = (a.name, _cost_key(a.args), _cost_key(b.args), _cost_key(tuple(sorted(a.kwargs.items()))))
        if key not in made:
            made[key] = reader.call(a, b)
        counters[phase_of(a.step, a.phase)][key] += 1
    if all(counters[later] == counters[first] for later, first in FIRST.items()):
        for first in FIRST.values():
            del counters[first]
    return LiftedStep(
        calls={phase: [(made[key], times) for key, times in counted.items()] for phase, counted in counters.items()},
        events=[
            MemoryEvent(
                left.storage,
                left.group,
                reader.nbytes(left, right, first_views.get(left.storage)) if left.kind == BIRTH else None,
            )
            for left, right in zip(generic.events, corner.events, strict=True)
        ],
        samples=[call.events for call in kept],
        sizes=reader.sizes,
        input_bytes=Polynomial.total(
            reader.read(pair, "the input") for pair in zip(generic.input_sizes, corner.input_sizes, strict=True)
        ),
        limits=_limits(reader, generic, corner),
        guessed=reader.guessed,
        found=generic.found,
    )


def _limits(reader: Reader, generic: StepRecord, corner: StepRecord) -> dict[str, int]:
    """Return how long a text may be: tables of positions have a number of rows, and are cut to the length of a text.

    Raises:
        LiftError: when the numbers looked up grow otherwise than by one with each token.
    """
    limits = [reader.longest] if reader.longest else []
    for (rows, largest), (_, other) in zip(generic.lookups, corner.lookups, strict=True):
        if largest == other:
            continue
        if largest - other != generic.base["S"] - corner.base["S"]:
            raise LiftError(f"the largest number looked up is {largest} at {generic.base} and {other} at {corner.base}")
        limits.append(generic.base["S"] + rows - 1 - largest)
    return {"S": min(limits)} if limits else {}


def _cost_key(value: Any) -> Any:
    """Describe arguments by all that a cost can depend on: how large a momentum is does not matter."""
    if isinstance(value, float):
        return float
    if isinstance(value, TensorRef):
        return value.shape, value.requires_grad
    if isinstance(value, tuple):
        return tuple([_cost_key(item) for item in value])
    return value


def _in_order(record: StepRecord) -> StepRecord:
    """Sort the deaths between two samples, whose order is up to a hash table where autocast drops its copies."""
    samples = {call.events for call in record.calls}
    events: list[StorageEvent] = []
    deaths: list[StorageEvent] = []
    for place, event in enumerate(record.events):
        if deaths and (event.kind != DEATH or place in samples):
            events += sorted(deaths, key=lambda death: death.storage)
            deaths = []
        (deaths if event.kind == DEATH else events).append(event)
    return replace(record, events=(*events, *sorted(deaths, key=lambda death: death.storage)))


def _kept(record: StepRecord) -> tuple[list[OpCall], list[list[OpCall]]]:
    """Leave out views that change no memory: where a size is 1 or a slice is whole, torch makes other ones.

    A view is left out only when nothing but deaths happened since the sample before it, so its own sample is dominated
    by that one; it costs nothing under any convention.

    Returns:
        The calls that stay, and for each the views left out before it.
    """
    kept: list[OpCall] = []
    left_out: list[list[OpCall]] = []
    views: list[OpCall] = []
    sampled = 0
    for call in record.calls:
        if call.packet in _VIEWS and all(event.kind == DEATH for event in record.events[sampled : call.events]):
            views.append(call)
            continue
        kept.append(call)
        left_out.append(views)
        views = []
        sampled = call.events
    return kept, left_out


def _require_same_structure(generic: StepRecord, corner: StepRecord, kept: list[OpCall], others: list[OpCall]) -> None:
    for a, b in zip(kept, others, strict=False):
        if (a.name, a.step, a.phase, a.events, a.module) != (b.name, b.step, b.phase, b.events, b.module) or (
            [(t.storage, t.dtype) for t in tensors(a.args)] != [(t.storage, t.dtype) for t in tensors(b.args)]
        ):
            raise LiftError(
                f"other operators or storage events: {a.name} in '{a.module}' at {generic.base}, "
                f"{b.name} in '{b.module}' at {corner.base}"
            )
    if len(kept) != len(others):
        raise LiftError(f"{len(kept)} operators at {generic.base}, {len(others)} at {corner.base}")
    for x, y in zip(generic.events, corner.events, strict=True):
        if (x.kind, x.storage, x.group) != (y.kind, y.storage, y.group):
            raise LiftError(
                f"storage {x.storage}: {x.kind} at {generic.base}, {y.kind} of {y.storage} at {corner.base}"
            )
