from __future__ import annotations

import pytest

from costmodel.algebra.polynomial import Polynomial
from costmodel.tracing.live import MemoryEvent
from costmodel.tracing.replay import replay

N = Polynomial.symbol("N")


def test_replay_follows_birth_regroup_and_death() -> None:
    events = [
        MemoryEvent(0, "param", Polynomial.of(100)),
        MemoryEvent(1, "temp", 8 * N),
        MemoryEvent(1, "grad", None),
        MemoryEvent(2, "opt", 4 * N + 1),
        MemoryEvent(1, "", None),
    ]
    timeline = replay(events, [1, 2, 3, 4, 5])
    column = {monomial: index for index, monomial in enumerate(timeline.monomials)}
    linear, constant = column[(("N", 1),)], column[()]
    assert timeline.groups["param"][:, constant].tolist() == [100] * 5
    assert timeline.groups["temp"][:, linear].tolist() == [0, 8, 0, 0, 0]
    assert timeline.groups["grad"][:, linear].tolist() == [0, 0, 8, 8, 0]
    assert timeline.total()[:, linear].tolist() == [0, 8, 8, 12, 4]


def test_the_death_of_a_storage_that_is_not_counted_changes_nothing() -> None:
    timeline = replay([MemoryEvent(0, "act", Polynomial.of(4)), MemoryEvent(7, "", None)], [1, 2])
    assert timeline.total().tolist() == [[4], [4]]


@pytest.mark.parametrize("nbytes", [2**62, 2**63 - 1, 2**63, 2**80])
def test_more_bytes_than_64_bits_hold_are_added_up_exactly(nbytes: int) -> None:
    events = [
        MemoryEvent(0, "param", nbytes * N),
        MemoryEvent(1, "act", nbytes * N + 1),
        MemoryEvent(2, "act", nbytes * N),
        MemoryEvent(1, "", None),
    ]
    timeline = replay(events, [1, 2, 3, 4])
    linear = timeline.monomials.index((("N", 1),))
    assert timeline.groups["act"][:, linear].tolist() == [0, nbytes, 2 * nbytes, nbytes]
    assert timeline.total()[:, linear].tolist() == [nbytes, 2 * nbytes, 3 * nbytes, 2 * nbytes]
