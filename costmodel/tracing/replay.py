"""Replay of a step's storage events: bytes of every group at every sampling instant, in symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from costmodel.algebra.exact import Matrix, width
from costmodel.algebra.polynomial import Monomial, Polynomial
from costmodel.contract import GROUPS


class MemoryEvent(NamedTuple):
    """A storage is made (``nbytes`` in ``group``), moved to another group (``nbytes`` None), or freed (group empty)."""

    storage: int
    group: str
    nbytes: Polynomial | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Live bytes at each sampling instant.

    Attributes:
        monomials: what the columns stand for.
        groups: for each group an (instants, monomials) matrix of coefficients, exact.
    """

    monomials: tuple[Monomial, ...]
    groups: dict[str, Matrix]

    def total(self) -> Matrix:
        """All groups together at each instant."""
        total: Matrix = np.sum(list(self.groups.values()), axis=0)
        return total


def replay(events: Iterable[MemoryEvent], samples: Sequence[int]) -> Timeline:
    """Follow the storages through the step.

    Args:
        events: storage events in order.
        samples: for each sampling instant, how many events precede it.
    """
    events = list(events)
    made: Counter[Monomial] = Counter()  # all that is ever made: at no instant is more of it alive
    for event in events:
        if event.nbytes is not None:
            made.update({monomial: abs(coefficient) for monomial, coefficient in event.nbytes.terms.items()})
    monomials = sorted(made)
    column = {monomial: index for index, monomial in enumerate(monomials)}
    integer = width(max(made.values(), default=0))
    deltas: dict[str, Matrix] = {group: np.zeros((len(events) + 1, len(monomials)), dtype=integer) for group in GROUPS}
    live: dict[int, tuple[str, Polynomial]] = {}
    for row, event in enumerate(events, start=1):
        group, nbytes = live.pop(event.storage, ("", Polynomial({})))
        if group:
            _add(deltas[group][row], nbytes, column, -1)
        if event.group:
            nbytes = nbytes if event.nbytes is None else event.nbytes
            live[event.storage] = (event.group, nbytes)
            _add(deltas[event.group][row], nbytes, column, 1)
    rows = np.asarray(samples)
    return Timeline(tuple(monomials), {group: np.cumsum(delta, axis=0)[rows] for group, delta in deltas.items()})


def _add(row: Matrix, nbytes: Polynomial, column: dict[Monomial, int], sign: int) -> None:
    for monomial, coefficient in nbytes.terms.items():
        row[column[monomial]] += sign * coefficient
