"""Methods and models side by side: estimates, and how each compares with full fine-tuning."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.contract import GROUPS, PHASES, STEP_PHASES
from costmodel.methods import REFERENCE
from costmodel.questions.estimate import Estimate

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
        first = flops["forward"] + flops["backward"] + flops["optimizer_first"]
        return {**memory, "step": step_flops(estimate, self.convention), "first_step": first}


def step_flops(estimate: Estimate, convention: str) -> int:
    """Return the FLOPs of a step after the first one: forward, backward and optimizer."""
    total: int = sum(estimate.flops[convention][phase] for phase in STEP_PHASES)
    return total


def side_by_side(
    estimates: Sequence[Estimate], convention: str, models: Sequence[Hashable] | None = None
) -> list[Side]:
    """Compare each estimate with full fine-tuning of the same model, where that is among them.

    Args:
        estimates: of any models and methods.
        convention: how FLOPs are counted.
        models: what tells the models apart, for each estimate; their names if left out. Two modules may have one name.
    """
    own = [estimate.model for estimate in estimates] if models is None else models
    references = {
        model: estimate for model, estimate in zip(own, estimates, strict=True) if estimate.method == REFERENCE
    }
    return [Side(estimate, references.get(model), convention) for model, estimate in zip(own, estimates, strict=True)]


def to_dict(sides: Sequence[Side]) -> dict[str, Any]:
    """Return plain data: each cell's estimate as in the contract, with its ratios to full fine-tuning."""
    return {
        "schema": "costmodel.compare/1",
        "reference": REFERENCE,
        "convention": sides[0].convention,
        "cells": [{**side.estimate.to_dict(), "step": side.step, "ratios": side.ratios} for side in sides],
    }


def to_frame(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row for each cell: memory groups and totals in bytes, phases in FLOPs, ratios."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"model": side.estimate.model, "method": side.estimate.method}
            | {group: side.estimate.memory["groups"][group] for group in GROUPS}
            | {name: side.estimate.memory[name] for name in ("sum_of_group_peaks", "peak")}
            | {phase: side.estimate.flops[side.convention][phase] for phase in PHASES}
            | {"step": side.step}
            | {f"{name}_ratio": ratio for name, ratio in side.ratios.items()}
            for side in sides
        ]
    )
