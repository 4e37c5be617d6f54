"""The regions of a cell, where one formula ends and another begins: the one list that everything here goes by.

A batch of one and a rank of one may run other operators than all larger ones, small ranks have short formulas, and
sides that have no closed form are held. Where a model's sides have one is found by tracing, not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

from costmodel.cell.axes import Value
from costmodel.cell.request import Request, request
from costmodel.cell.setup import Setup
from costmodel.contract import SIDES, Band
from costmodel.methods import Method

ALONE, GENERAL = 1, 2
"""Where the regions of batch and rank begin: the value that may stand apart, and the smallest that stands for more."""

EVERY_RANK: Band = (1, None)
SHORT_RANKS: Band = (1, 64)
"""Where ``r`` does not saturate, formulas are given for these ranks, where they are short, and for every rank."""

BEYOND = 65
"""The smallest rank for which the short formulas do not hold."""

STARTS: Mapping[str, tuple[int, ...]] = {"N": (ALONE, GENERAL), "r": (ALONE, GENERAL, BEYOND)}
"""The smallest value of each region of an axis."""


PROBES: Mapping[str, tuple[int, ...]] = {"N": (2, 4, 8, 16), "r": (4, 8)}
"""Where a formula of a caller's module is compared with a trace too, before it stands for every value of an axis."""


def band(asked: Request) -> Band:
    """Return the ranks that one formula has to hold for: those where it is short, or every one.

    A name stands for every rank, but together with other names for those where the formula is short.
    """
    rank = asked.values.get("r")
    if isinstance(rank, str):
        return EVERY_RANK if len(asked.names) == 1 else SHORT_RANKS
    return EVERY_RANK if rank and rank >= BEYOND else SHORT_RANKS


def apart(method: Method) -> str:
    """Return the axes of a method whose value 1 may stand apart."""
    return "".join(axis for axis in STARTS if axis != "r" or method.ranked)


def splits(method: Method) -> tuple[str, ...]:
    """Return which axes to split, few before many: those that the method is known to split, the batch too, all."""
    known = method.splits
    return tuple(dict.fromkeys([known, "N" + known.replace("N", ""), apart(method)]))


def sides(asked: Request) -> dict[str, int]:
    """Return the sides asked for: with these held, a step needs no closed form in them."""
    return {axis: side for axis, side in asked.numbers.items() if axis in SIDES}


def holding(asked: Request, below: Callable[[], dict[str, int]]) -> Iterator[dict[str, int]]:
    """Yield what to hold of what was asked for, ever more of it, each once.

    Args:
        asked: the point.
        below: the sides below the free domain, which is known once it has been derived: hence asked for twice.
    """
    rank = {axis: value for axis, value in asked.numbers.items() if axis == "r"}
    tried: list[dict[str, int]] = []
    choices = (below, below, lambda: rank, lambda: sides(asked), lambda: sides(asked) | rank, lambda: asked.numbers)
    for held in choices:
        if (pinned := held()) not in tried:
            tried.append(pinned)
            yield pinned


def each(asked: Request) -> Iterator[Request]:
    """Yield what was asked for, each region of its named axes, and all that again at the model's own sides."""
    own = {axis: asked.general[axis] for axis in asked.names if axis in SIDES}
    for values in [{**asked.values}] + ([{**asked.values, **own}] if own else []):
        choices: list[tuple[Value, ...]] = [
            (value, *(start for start in STARTS.get(axis, ()) if start != GENERAL))
            if isinstance(value, str)
            else (value,)
            for axis, value in values.items()
        ]
        for chosen in product(*choices):
            yield asked._replace(values=dict(zip(values, chosen, strict=True)))


def along(asked: Request) -> Iterator[Request]:
    """Yield a point, and the same with its batch free, its sides at once, and both."""
    free = {"N": "N"}, dict.fromkeys(sides(asked), "S")
    for names in ({}, *free, free[0] | free[1]):
        yield asked._replace(values={**asked.values, **names})


def of_model(setup: Setup) -> Iterator[Request]:
    """Yield what is asked for to have all regions of a cell: with all symbolic, and what those formulas leave out.

    Batch 1, rank 1, every rank at once, and the model's own side where sizes have no closed form around it or one that
    begins above.
    """
    symbolic: dict[str, object] = {"resolution": "S"} if setup.subject.lattice.square else {"height": "H", "width": "W"}
    ranks: tuple[object, ...] = ("r", ALONE) if setup.method.ranked else (None,)
    for named in (symbolic, {}):
        for batch in ("N", ALONE):
            for rank in ranks:
                yield request(setup, batch=batch, rank=rank, **named)
    if setup.method.ranked:
        for number in STARTS["N"]:
            yield request(setup, batch=number, rank="r")  # the rank alone symbolic: every rank in one formula
        yield request(setup)  # and one input where the formula is short, at a side that the first ones do not hold for
