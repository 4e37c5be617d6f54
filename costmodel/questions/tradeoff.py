"""Methods weighed against each other: the frontier of memory, FLOPs and rank, and which one to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.cell.request import Request, request_at
from costmodel.methods import Method, Reach
from costmodel.questions.size import Budget, Cost, Fit
from costmodel.sources.source import Source
from costmodel.units import size, work

RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Ranks of the configurations that a frontier is drawn from."""


_Weighed = tuple[Method, int | None, Cost]
"""A method, its rank, its cost."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A method at a rank, as a point of a trade-off.

    Attributes:
        method: its name.
        rank: its rank, ``None`` where it has none.
        cost: peak, step and gradients.
        on_frontier: whether no other one makes updates of at least its rank with no more memory and no more FLOPs.
    """

    method: str
    rank: int | None
    cost: Cost
    on_frontier: bool


def frontier(cells: Sequence[tuple[Source, Request]], convention: str = "arithmetic") -> list[Configuration]:
    """Weigh methods and ranks against each other at one batch and resolution.

    Args:
        cells: one for each method, with the point asked for; ranks are `RANKS` and the one asked for.
        convention: how FLOPs are counted.
    """
    found: list[_Weighed] = []
    for source, asked in cells:
        point = asked.numbers
        ranks = sorted({*RANKS, point["r"]}) if "r" in point else [None]
        for rank in ranks:
            at = point if rank is None else {**point, "r": rank}
            formula = source.derivation(request_at(source.setup, at)).formula
            cost = Cost.of(formula.evaluate(at), convention, lower_bound=formula.lower_bound)
            found.append((source.setup.method, rank, cost))
    return [
        Configuration(
            own[0].name, *own[1:], on_frontier=not any(_beats(other, own) for other in found if other is not own)
        )
        for own in found
    ]


def _beats(one: _Weighed, other: _Weighed) -> bool:
    """Tell whether one has updates of at least the other's rank for no more memory and FLOPs, and is better in one."""
    (*_, a), (*_, b) = one, other
    gains = (b.peak - a.peak, b.step - a.step, update_rank(*one[:2]) - update_rank(*other[:2]))
    return min(gains) >= 0 and max(gains) > 0


def update_rank(method: Method, rank: int | None) -> float:
    """Return the rank of the update that a step makes to a layer's weights: no limit where every weight is trained.

    Other methods without a rank leave most layers as they are: 0.
    """
    return math.inf if method.reach is Reach.EVERY_WEIGHT else rank or 0


def recommend(fits: Sequence[Fit], budget: Budget) -> tuple[str | None, str]:
    """Choose a method for a budget, and say why in a sentence.

    The one that can change the most of the model, of those that fit: by `Reach`, then by bytes of gradients. A cost
    model knows nothing of accuracy.

    Returns:
        The method, ``None`` where none fits, and the reason.
    """

    def reach(found: Fit) -> tuple[int, int]:
        return found.source.setup.method.reach, found.cost.trained

    fitting = sorted((found for found in fits if found.fits), key=reach, reverse=True)
    if fitting:
        best = fitting[0]
        spare = []
        if budget.memory is not None:
            spare.append(f"{size(budget.memory - best.cost.peak)} of memory")
        if budget.flops is not None:
            spare.append(f"{work(budget.flops - best.cost.step)} a step")
        others = [found.method for found in fits if reach(found) > reach(best)]
        verb = "does" if len(others) == 1 else "do"
        beyond = f"; {', '.join(others)} would change more and {verb} not fit" if others else ""
        reason = f"it fits with {' and '.join(spare)} to spare, and can change the most of the model of those that fit"
        return best.method, reason + beyond
    for axes, unit in ((("side", "S"), None), (("N",), "a batch of up to {:,}"), (("r",), "a rank of up to {:,}")):
        possible = [
            (largest.value, largest.axis, found)
            for found in sorted(fits, key=reach, reverse=True)
            for largest in found.largest
            if largest.axis in axes and largest.value is not None
        ]
        if possible:
            value, axis, found = max(possible, key=lambda item: item[0])
            sizes = unit or ("up to {0}x{0} pixels" if axis == "side" else "up to {} tokens")
            return None, f"nothing fits as asked for; {found.method} does at {sizes.format(value)}"
    return (
        None,
        "nothing fits as asked for, nor at another rank, batch or resolution with a closed form, each alone",
    )
