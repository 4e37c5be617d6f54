"""Rates from timed operator calls, by non-negative least squares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from costmodel.machine.seconds.host import Rates
from costmodel.machine.seconds.work import AMOUNTS, NEAR, OTHER, Work

_TICK = 2e-6
"""Seconds below which differences are the clock's own."""
_POWER = 0.75
"""Errors count relative to the time to this power: between relative errors (1), which the many small calls would
decide, and absolute ones (0), which a few large calls would."""
_SHOWN = 2**18
"""Bytes of a call from which on its time says something of the rate of bytes."""


class Sample(NamedTuple):
    """One operator call that was timed.

    Attributes:
        works: what it did.
        seconds: that its rates have to explain; below 0 where what is known of it was more than it took.
        taken: seconds that it took in all, by which errors are weighed; ``seconds`` where that is more.
    """

    works: tuple[Work, ...]
    seconds: float
    taken: float = 0.0


def fit(samples: Iterable[Sample]) -> dict[str, Rates]:
    """Find the rates under which the work of the samples takes about the time that it took.

    Kinds that occur in one call, a layer's two gradients, are found together; all operators without products in them
    give the rates of `OTHER` too.
    """
    families: dict[str, list[Sample]] = defaultdict(list)
    others = []
    for sample in samples:
        if not sample.works:
            continue
        families[sample.works[0].kind.partition(".")[0]].append(sample)
        if len(sample.works) == 1 and not sample.works[0].flops:
            work = sample.works[0]
            others.append(sample._replace(works=(Work(OTHER, *work.amounts),)))
    rates = _solve(others)
    for family in families.values():
        rates |= {kind: _completed(kind, found, family, rates[OTHER]) for kind, found in _solve(family).items()}
    return rates


def _completed(kind: str, found: Rates, samples: Sequence[Sample], other: Rates) -> Rates:
    """Take the rate of bytes from the other operators where a kind was seen in small calls only, which hide it."""
    works = [work for sample in samples for work in sample.works if work.kind == kind]
    if "." in kind or any(work.flops for work in works):
        return found
    largest = max(work.bytes for work in works)
    if largest < _SHOWN:
        return replace(found, bytes=other.bytes if largest else 0.0, far=other.far if largest else 0.0)
    return found if largest > 2 * NEAR else replace(found, far=other.far)


def _solve(samples: Sequence[Sample]) -> dict[str, Rates]:
    kinds = sorted({work.kind for sample in samples for work in sample.works})
    columns = {kind: at * len(AMOUNTS) for at, kind in enumerate(kinds)}
    amounts = np.zeros((len(samples), len(kinds) * len(AMOUNTS)))
    for row, sample in enumerate(samples):
        for work in sample.works:
            start = columns[work.kind]
            amounts[row, start : start + len(AMOUNTS)] += work.amounts
    seconds = np.array([sample.seconds for sample in samples])
    taken = np.array([max(sample.taken, sample.seconds) for sample in samples])
    weights = 1 / (taken + _TICK) ** _POWER
    scaled = amounts * weights[:, None]
    largest = scaled.max(axis=0, initial=0)
    largest[largest == 0] = 1  # an amount that these calls do not have gets the rate 0
    found = nnls(scaled / largest, seconds * weights)[0] / largest
    found[amounts.max(axis=0, initial=0) == 0] = 0
    return {kind: Rates(*map(float, found[start : start + len(AMOUNTS)])) for kind, start in columns.items()}
