"""The one way to follow storages: what an event finds, and what it leaves."""

from __future__ import annotations

from costmodel.algebra.polynomial import Polynomial
from costmodel.tracing.live import Held, MemoryEvent, follow, memory_event
from costmodel.tracing.record import BIRTH, DEATH, REGROUP, StorageEvent

RECORDED = (
    StorageEvent(BIRTH, 1, 100, "temp"),
    StorageEvent(REGROUP, 1, 0, "grad"),
    StorageEvent(REGROUP, 7, 0, "grad"),  # the input batch, never made here
    StorageEvent(DEATH, 1, 0, ""),
    StorageEvent(DEATH, 7, 0, ""),
    StorageEvent(BIRTH, 1, 60, "opt"),  # resized in place
)


def test_a_storage_is_followed_from_birth_to_death() -> None:
    made, moved, again = Held(1, "temp", 100, 0), Held(1, "grad", 100, 0), Held(1, "opt", 60, 5)
    assert list(follow(map(memory_event, RECORDED))) == [
        (None, made),
        (made, moved),
        (None, None),
        (moved, None),
        (None, None),
        (None, again),
    ]


def test_sizes_may_be_symbols() -> None:
    n = Polynomial.symbol("N")
    changes = list(follow([MemoryEvent(1, "act", 4 * n), MemoryEvent(1, "", None)]))
    assert changes == [(None, Held(1, "act", 4 * n, 0)), (Held(1, "act", 4 * n, 0), None)]
