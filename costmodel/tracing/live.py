"""Which storages are alive as a step goes on: the one way to follow its events, sizes in bytes or in symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from costmodel.tracing.record import BIRTH, StorageEvent

Size = TypeVar("Size")


class MemoryEvent(NamedTuple, Generic[Size]):
    """A storage is made (``nbytes`` in ``group``), moved to another group (``nbytes`` None), or freed (group empty)."""

    storage: int
    group: str
    nbytes: Size | None


class Held(NamedTuple, Generic[Size]):
    """A storage that is alive: the group it is in, and the place of the event that made it."""

    storage: int
    group: str
    nbytes: Size
    made: int


def memory_event(event: StorageEvent) -> MemoryEvent[int]:
    """Show a recorded event as `follow` takes it."""
    return MemoryEvent(event.storage, event.group, event.nbytes if event.kind == BIRTH else None)


def follow(events: Iterable[MemoryEvent[Size]]) -> Iterator[tuple[Held[Size] | None, Held[Size] | None]]:
    """Yield for each event what its storage was before it and what it is after it; ``None`` where it is not alive.

    What happens to a storage that was never made (the input batch, which is in no group) changes nothing.
    """
    alive: dict[int, Held[Size]] = {}
    for place, (storage, group, nbytes) in enumerate(events):
        before = alive.pop(storage, None)
        after: Held[Size] | None = None
        if group and nbytes is not None:
            after = Held(storage, group, nbytes, place)
        elif group and before is not None:
            after = before._replace(group=group)
        if after is not None:
            alive[storage] = after
        yield before, after
