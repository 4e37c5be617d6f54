"""Every allocation of a step in order: the storages of its tensors, and what its kernels make for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from costmodel.machine.workspaces.kernel import Host, Kernel
from costmodel.machine.workspaces.rules import steps
from costmodel.tracing.record import BIRTH, DEATH, OpCall, StepRecord, StorageEvent

MAPPED = 32 * 2**20
"""Bytes from which glibc always gives a request pages of its own (``DEFAULT_MMAP_THRESHOLD_MAX``)."""


class Allocation(NamedTuple):
    """One call of the allocator.

    Attributes:
        key: what is allocated or freed; storage number, or (call number, name) inside a kernel.
        nbytes: bytes asked for, 0 to free.
        call: number of the operator call, -1 for what is there before the step.
    """

    key: object
    nbytes: int
    call: int


@dataclass(frozen=True)
class AllocatorPeak:
    """The largest sum of live allocations of a step.

    Attributes:
        nbytes: the sum, parameters and buffers included, the input batch not.
        heap: bytes of it in pieces that glibc keeps in its heap, and that can leave holes there.
        tensors: bytes of tensor storage alive at that moment, the kernel's own outputs included.
        operator: the kernel that runs then; empty for what is there before the step.
        workspaces: what that kernel holds for itself, by name.
    """

    nbytes: int
    heap: int
    tensors: int
    operator: str
    workspaces: dict[str, int]


def allocations(record: StepRecord, host: Host) -> Iterator[Allocation]:
    """Yield what a step asks of the allocator, in order.

    Args:
        record: both steps at one point.
        host: where it runs.
    """
    setup = len(record.setup)
    for event in record.events[:setup]:
        yield Allocation(event.storage, event.nbytes, -1)
    start = setup
    for index, call in enumerate(record.calls):
        yield from _call(index, call, record.events[start : call.events], host)
        start = call.events


def _call(index: int, call: OpCall, events: tuple[StorageEvent, ...], host: Host) -> Iterator[Allocation]:
    born = next((i for i, event in enumerate(events) if event.kind == BIRTH), len(events))
    yield from (Allocation(event.storage, 0, index) for event in events[:born] if event.kind == DEATH)
    made = {event.storage: event.nbytes for event in events[born:] if event.kind == BIRTH}
    outputs = {f"output {i}": ref.storage for i, ref in enumerate(call.outputs) if ref is not None}
    seen = set()
    for step in steps(Kernel(call, host)):
        storage = outputs.get(step.name)
        if storage is None and not step.name.startswith("output "):
            yield Allocation((index, step.name), step.nbytes, index)
        elif storage in made and storage not in seen:
            seen.add(storage)
            yield Allocation(storage, made[storage], index)
    for event in events[born:]:
        if event.kind == DEATH:
            yield Allocation(event.storage, 0, index)
        elif event.kind == BIRTH and event.storage not in seen:
            yield Allocation(event.storage, event.nbytes, index)


def allocator_peak(record: StepRecord, host: Host) -> AllocatorPeak:
    """Find the largest sum of live allocations, and what it consists of."""
    alive: dict[object, int] = {}
    total, heap = 0, 0
    found = AllocatorPeak(-1, 0, 0, "", {})
    for key, nbytes, at in allocations(record, host):
        freed = alive.pop(key, 0)
        total += nbytes - freed
        heap += nbytes * (nbytes < MAPPED) - freed * (freed < MAPPED)
        if nbytes:
            alive[key] = nbytes
        if total > found.nbytes:
            held = {key[1]: size for key, size in alive.items() if isinstance(key, tuple)}
            operator = record.calls[at].packet if at >= 0 else ""
            found = AllocatorPeak(total, heap, total - sum(held.values()), operator, held)
    return found
