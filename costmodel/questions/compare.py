"""Methods and models side by side: estimates, and how each compares with full fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.request import Request, numbers_only
from costmodel.contract import FIRST, GROUPS, PHASES, STEP_PHASES
from costmodel.methods import REFERENCE
from costmodel.questions.estimate import Estimate, answer
from costmodel.results import INTEGER, NUMBER, TEXT, LeftOut, Several, frame
from costmodel.sources.source import Source

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Side:
    """One cell of a comparison.

    Attributes:
        estimate: its cost.
        reference: the same model with full fine-tuning, where that is part of the comparison.
        convention: how FLOPs are counted.
    """

    estimate: Estimate
    reference: Estimate | None
    convention: str

    @property
    def step(self) -> int:
        """FLOPs of a step after the first one: forward, backward and optimizer."""
        return step_flops(self.estimate, self.convention)

    @property
    def lower_bound(self) -> bool:
        """Whether FLOPs are at least these, because the step has an operator without a rule."""
        return self.estimate.lower_bound and self.convention == "arithmetic"

    @property
    def ratios(self) -> dict[str, float | None]:
        """The share of what full fine-tuning takes: of ``peak``, ``sum_of_group_peaks``, ``step``, ``first_step``.

        ``None`` where full fine-tuning is not part of the comparison, or takes none.
        """
        own, other = self._totals(self.estimate), self._totals(self.reference)
        return {name: own[name] / other[name] if other.get(name) else None for name in own}

    def _totals(self, estimate: Estimate | None) -> dict[str, int]:
        if estimate is None:
            return {}
        memory = {name: estimate.memory[name] for name in ("peak", "sum_of_group_peaks")}
        flops = estimate.flops[self.convention]
        first = sum(flops.get(FIRST[phase], flops[phase]) for phase in FIRST) + flops["optimizer_first"]
        return {**memory, "step": step_flops(estimate, self.convention), "first_step": first}


@dataclass(frozen=True)
class Comparison(Several[Side]):
    """Cells side by side: a sequence of `Side`.

    Attributes:
        convention: how FLOPs are counted.
        left_out: default methods that do not apply, with the reason.
    """

    SCHEMA: ClassVar[str] = "costmodel.compare/1"

    convention: str
    left_out: tuple[LeftOut, ...] = ()

    def content(self) -> dict[str, Any]:
        """Return each cell's estimate as in the contract, with its ratios to full fine-tuning."""
        cells = [{**side.estimate.to_dict(), "step": side.step, "ratios": side.ratios} for side in self]
        left_out = [one._asdict() for one in self.left_out]
        return {"reference": REFERENCE, "convention": self.convention, "cells": cells, "left_out": left_out}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell: memory groups and totals in bytes, phases in FLOPs, ratios."""
        integers = dict.fromkeys((*GROUPS, "sum_of_group_peaks", "peak", *PHASES, "step"), INTEGER)
        ratios = dict.fromkeys(_RATIOS.values(), NUMBER)
        columns = {"model": TEXT, "method": TEXT, **integers, "lower_bound": TEXT, **ratios}
        return frame(map(_row, self), columns)


_RATIOS = {name: f"{name}_ratio" for name in ("peak", "sum_of_group_peaks", "step", "first_step")}


def _row(side: Side) -> dict[str, Any]:
    estimate = side.estimate
    return {
        "model": estimate.model,
        "method": estimate.method,
        **estimate.memory["groups"],
        **{name: estimate.memory[name] for name in ("sum_of_group_peaks", "peak")},
        **{phase: estimate.flops[side.convention][phase] for phase in PHASES},
        "step": side.step,
        "lower_bound": side.lower_bound,
        **{_RATIOS[name]: ratio for name, ratio in side.ratios.items()},
    }


def compare(
    cells: Sequence[tuple[Source, Request, str | None]],
    convention: str,
    models: Sequence[Hashable] | None = None,
    say: Callable[[str], None] = lambda _: None,
    left_out: tuple[LeftOut, ...] = (),
) -> Comparison:
    """Estimate cells, each beside full fine-tuning of the same model, where that is among them.

    Args:
        cells: of any models and methods, each with its point, numbers only, and the alias its model was asked for by.
        convention: how FLOPs are counted.
        models: what tells the models apart, for each cell; their names if left out. Two modules may have one name.
        say: told what is being traced.
        left_out: default methods that do not apply.

    Raises:
        InputError: for a name where a number is needed, and as `answer`.
    """
    for _, asked, _ in cells:
        numbers_only(asked, "methods are compared at one point")
    estimates = [
        answer(source, asked, alias, partial(say, f"tracing {source.setup.label}")) for source, asked, alias in cells
    ]
    own = [estimate.model for estimate in estimates] if models is None else models
    references = {
        model: estimate for model, estimate in zip(own, estimates, strict=True) if estimate.method == REFERENCE
    }
    sides = (Side(estimate, references.get(model), convention) for model, estimate in zip(own, estimates, strict=True))
    return Comparison(tuple(sides), convention, left_out)


def step_flops(estimate: Estimate, convention: str) -> int:
    """Return the FLOPs of a step after the first one: forward, backward and optimizer."""
    total: int = sum(estimate.flops[convention][phase] for phase in STEP_PHASES)
    return total
