"""Why the peak is where it is: the instant, what is alive then, and the memory of the whole step over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from costmodel.algebra.exact import Matrix
from costmodel.algebra.monomial import ONE
from costmodel.algebra.polynomial import Polynomial
from costmodel.contract import GROUPS
from costmodel.tracing import replay as memory
from costmodel.tracing.attribution import Attribution, Live, alive, attribute
from costmodel.tracing.live import MemoryEvent, memory_event
from costmodel.tracing.record import StepRecord, TensorRef, tensors

Bytes = Matrix
"""Bytes at each sampling instant, of shape (instants,)."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A sampling instant: the end of one operator call.

    Attributes:
        step: 0 or 1.
        phase: ``forward``, ``backward`` or ``optimizer``.
        module: path of the module responsible for the call; empty for the model itself and the loss.
        operator: the ATen operator without namespace and overload, ``convolution``.
        index: of the call among all calls of both steps.
    """

    step: int
    phase: str
    module: str
    operator: str
    index: int

    def __str__(self) -> str:
        return ", ".join(filter(None, (f"step {self.step}", self.phase, self.module, self.operator)))


@dataclass(frozen=True, slots=True)
class LiveTensor:
    """A storage alive at an instant, shown by the first tensor on it.

    Attributes:
        name: the parameter or buffer that it is, is the gradient of, or is optimizer state of; else empty.
        operator: the operator that made it; empty for what was there before the step.
        module: who owns or made it.
        group: memory group at the instant.
        shape: elements along each dim.
        dtype: torch's name without ``torch.``.
        nbytes: bytes of the storage.
    """

    name: str
    operator: str
    module: str
    group: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int


@dataclass(frozen=True)
class Peak:
    """The largest simultaneous total of a step, explained.

    Attributes:
        bytes: the total.
        instant: the first at which it is reached.
        by_group: bytes of each group at the instant; they add up to ``bytes``.
        by_module: bytes of each module's tensors at the instant, largest first; they add up to ``bytes``. Parameters,
            buffers, gradients and optimizer state count for the module that has the parameter, everything else for the
            module that made it; an empty path stands for the model itself, the loss and what belongs to none.
        largest: the largest storages, largest first.
    """

    bytes: int
    instant: Instant
    by_group: Mapping[str, int]
    by_module: Mapping[str, int]
    largest: tuple[LiveTensor, ...]


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """Consecutive sampling instants of one phase: ``start`` up to, not including, ``end``."""

    label: str
    step: int
    start: int
    end: int


@dataclass(frozen=True)
class Timeline:
    """Memory over both steps.

    Attributes:
        groups: bytes of each group at every sampling instant, in the contract's order of groups.
        phases: the phases in order, without gaps; micro-batches give several forward and backward phases to a step.
        peak: index of the first instant at which the total is largest.
    """

    groups: Mapping[str, Bytes]
    phases: tuple[PhaseSpan, ...]
    peak: int

    @property
    def total(self) -> Bytes:
        """All groups together at each instant."""
        total: Bytes = np.sum(list(self.groups.values()), axis=0)
        return total


def timeline(record: StepRecord) -> Timeline:
    """Add up the live bytes of each group at every sampling instant."""
    events = (
        MemoryEvent(storage, group, None if nbytes is None else Polynomial.of(nbytes))
        for storage, group, nbytes in map(memory_event, record.events)
    )
    replayed = memory.replay(events, [call.events for call in record.calls])
    column = replayed.monomials.index(ONE)
    groups = {group: replayed.groups[group][:, column] for group in GROUPS}
    phases: list[PhaseSpan] = []
    for (step, label), calls in groupby(record.calls, lambda call: (call.step, call.phase)):
        start = phases[-1].end if phases else 0
        phases.append(PhaseSpan(label, step, start, start + sum(1 for _ in calls)))
    return Timeline(groups, tuple(phases), int(replayed.total()[:, column].argmax()))


def explain(record: StepRecord, top: int = 10) -> Peak:
    """Explain the peak of a step.

    Args:
        record: both steps at one point.
        top: how many of the largest storages to name.
    """
    index = timeline(record).peak
    found = attribute(record)
    living = alive(record, index)
    call = record.calls[index]
    by_group = dict.fromkeys(GROUPS, 0) | _sums((live.group, live.nbytes) for live in living)
    by_module = _sums((found.module(live), live.nbytes) for live in living)
    largest = sorted(living, key=lambda live: (-live.nbytes, live.storage))[:top]
    return Peak(
        bytes=sum(live.nbytes for live in living),
        instant=Instant(call.step, call.phase, found.calls[index], call.packet, index),
        by_group=by_group,
        by_module=dict(sorted(by_module.items(), key=lambda item: (-item[1], item[0]))),
        largest=tuple(_show(record, found, live) for live in largest),
    )


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for key, nbytes in pairs:
        sums[key] += nbytes
    return dict(sums)


def _show(record: StepRecord, found: Attribution, live: Live) -> LiveTensor:
    made: Iterable[TensorRef] = record.setup if live.maker is None else tensors(record.calls[live.maker].outputs)
    first = next(ref for ref in made if ref.storage == live.storage)
    return LiveTensor(
        name=found.owners.get(live.storage, "") if live.group not in ("act", "temp") else "",
        operator="" if live.maker is None else record.calls[live.maker].packet,
        module=found.module(live),
        group=live.group,
        shape=first.shape,
        dtype=first.dtype,
        nbytes=live.nbytes,
    )
