"""Replay of a step's storage events: bytes of every group at every sampling instant, in symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.algebra.exact import Matrix, width
from costmodel.algebra.monomial import Monomial
from costmodel.algebra.polynomial import Polynomial
from costmodel.contract import GROUPS
from costmodel.tracing.live import MemoryEvent, follow


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


def replay(events: Iterable[MemoryEvent[Polynomial]], samples: Sequence[int]) -> Timeline:
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
    for row, (before, after) in enumerate(follow(events), start=1):
        if before:
            _add(deltas[before.group][row], before.nbytes, column, -1)
        if after:
            _add(deltas[after.group][row], after.nbytes, column, 1)
    rows = np.asarray(samples)
    return Timeline(tuple(monomials), {group: np.cumsum(delta, axis=0)[rows] for group, delta in deltas.items()})


def _add(row: Matrix, nbytes: Polynomial, column: dict[Monomial, int], sign: int) -> None:
    for monomial, coefficient in nbytes.terms.items():
        row[column[monomial]] += sign * coefficient
