"""From a cell to all its closed forms: one for each region, batch 1 and rank 1 among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel.algebra.domain import Condition, Domain, Fixed, Tied
from costmodel.algebra.formula import CostFormula
from costmodel.cell.request import Request
from costmodel.sources import regions
from costmodel.sources.source import Source

if TYPE_CHECKING:
    from costmodel.sources.derive import Tracer


def formulas(source: Source, asked: Request, working: Callable[[], None] = lambda: None) -> tuple[CostFormula, ...]:
    """Return the closed forms that together hold wherever what was asked for has one; no two hold at one point.

    Args:
        source: where the formulas of the cell come from.
        asked: number or name of each axis; a name stays symbolic.
        working: called once if the step has to be traced, before that starts.

    Raises:
        InputError: when the model refuses the size.
        TraceError, LiftError: when no closed form can be derived.
    """
    found: list[CostFormula] = []
    tracer: Tracer | None = None

    def traces() -> None:
        nonlocal tracer
        if tracer is None:  # the first region is traced already; those that follow share their traces
            from costmodel.sources.derive import Tracer

            tracer = Tracer(source.setup)
            working()

    for probe in regions.each(asked):
        if not any(_holds(formula, probe) for formula in found):
            found.append(_above(source.derivation(probe, traces, tracer).formula, probe, asked))
    return tuple(_bound(formula, asked) for formula in found)


def _holds(formula: CostFormula, probe: Request) -> bool:
    return formula.domain.contains(probe.numbers) and all(map(formula.domain.frees, probe.names))


def _above(formula: CostFormula, probe: Request, asked: Request) -> CostFormula:
    """Leave to the short formulas the ranks that they hold for; what is left of this one gets shorter when bound."""
    rank = formula.domain.free.get("r")
    if rank is None or probe.values.get("r") != regions.BEYOND or "r" not in asked.names:
        return formula
    return replace(formula, domain=formula.domain.but({"r": replace(rank, lower=regions.BEYOND)}))


def _bound(formula: CostFormula, asked: Request) -> CostFormula:
    """Give axes what was asked for, and say so in the domain: what is a number there is no argument of a function."""
    names, domain = asked.names, formula.domain
    bound = formula.bind({**asked.values})
    fixed = {names[axis]: value for axis, value in domain.fixed.items() if axis in names} | asked.numbers
    shared = [*names.values()]
    tied = {axis: name for axis, name in names.items() if axis != name and shared.count(name) > 1}
    conditions: dict[str, Condition] = {**bound.domain.free}
    conditions |= {axis: Tied(name) for axis, name in tied.items()}
    return replace(bound, domain=Domain(conditions | {axis: Fixed(value) for axis, value in fixed.items()}))
