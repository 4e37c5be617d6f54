"""Predicted beside measured, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from costmodel.cell.request import Request, numbers_only
from costmodel.cell.setup import Setup
from costmodel.cell.training import Training
from costmodel.contract import GROUPS, PHASES
from costmodel.errors import CostModelError, InputError
from costmodel.questions.estimate import Estimate, answer
from costmodel.sources.source import Source
from validate.step.instruments import FlopMeter, MemoryMeter, SecondOpinion
from validate.step.run import run

UNMEASURED = "no instrument measures FLOPs of kind svd and other: they are counts by the rules of docs/conventions.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what was predicted, and what the real step measures."""

    quantity: str
    instrument: str
    predicted: int
    measured: int

    @property
    def difference(self) -> int:
        """Measured minus predicted; 0 when they are equal."""
        return self.measured - self.predicted


@dataclass(frozen=True, slots=True)
class Comparison:
    """All numbers of one cell.

    Attributes:
        estimate: what was predicted, and for which cell.
        rows: number by number.
        notes: what was left out, and why.
    """

    estimate: Estimate
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether every predicted number is the measured one."""
        return all(row.difference == 0 for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        whole = self.estimate.to_dict()
        kept = ("model", "method", "optimizer", "loss", "classes", "inputs", "options", "training")
        cell = {name: whole[name] for name in kept}
        return {
            "schema": "costmodel.validate/1",
            **cell,
            "point": dict(self.estimate.point),
            "equal": self.equal,
            "rows": [
                {
                    "quantity": row.quantity,
                    "instrument": row.instrument,
                    "predicted": row.predicted,
                    "measured": row.measured,
                    "difference": row.difference,
                }
                for row in self.rows
            ],
            "notes": list(self.notes),
            "versions": dict(self.estimate.versions),
        }


def validate_cell(
    setup: Setup, asked: Request, alias: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Estimate a cell, run its real step, and compare.

    Args:
        setup: model, method and training.
        asked: the point, numbers only.
        alias: the name that the model was asked for by, where it is another.
        progress: told what runs next.

    Raises:
        InputError: for a name where a number is needed, or a real step that fails.
    """
    point = numbers_only(asked, "the real step needs a number")
    progress("tracing")
    estimate = answer(Source(setup), asked, alias)
    progress("real step under the memory recorder and the FLOP counters")
    memory, flops = MemoryMeter(), FlopMeter()
    try:
        run(setup, point, flops, memory)
    except CostModelError:
        raise
    except Exception as error:  # whatever stops a real step
        reason = " ".join(str(error).split())
        raise InputError(f"the real step of {setup.label} at {dict(estimate.point)} fails: {reason}") from error
    rows = _flop_rows(estimate, flops) + _memory_rows(estimate, memory.peaks, memory.peak, "recorder")
    notes = [UNMEASURED]
    other_groups = _other_groups(setup.training)
    if other_groups:
        notes.append(f"MemTracker left out: {other_groups}")
    else:
        progress("real step under MemTracker")
        second, beside = SecondOpinion(), MemoryMeter()
        try:
            run(setup, point, second, beside)
        except Exception as error:  # the step itself has just run without it
            notes.append(f"MemTracker left out: it fails, {type(error).__name__}: {' '.join(str(error).split())}")
            return Comparison(estimate, tuple(rows), tuple(notes))
        disturbed = [group for group in GROUPS if beside.peaks[group] != memory.peaks[group]]
        if disturbed:
            shown = ", ".join(f"{group} {beside.peaks[group]:,} for {memory.peaks[group]:,}" for group in disturbed)
            notes.append(f"MemTracker left out: its hooks keep tensors alive, the recorder beside it measures {shown}")
        else:
            rows += _memory_rows(estimate, second.peaks, second.peak, "MemTracker")
    return Comparison(estimate, tuple(rows), tuple(notes))


def _other_groups(training: Training) -> str | None:
    """Say where MemTracker sorts tensors into other groups than the contract."""
    if training.checkpoint:
        return "it moves what a checkpoint computes again to groups of its own"
    if training.accumulate > 1:
        return "it counts the gradient of a micro-batch as a second one until it has been added to the first"
    return None


def _flop_rows(estimate: Estimate, meter: FlopMeter) -> list[Row]:
    rows = []
    for phase in PHASES:
        matmul = estimate.flops["arithmetic"]["by_kind"][phase]["matmul"]
        rows.append(Row(f"flops.arithmetic.matmul.{phase}", "products", matmul, meter.products[phase]))
    for phase in PHASES:
        rows.append(Row(f"flops.torch.{phase}", "torch registry", estimate.flops["torch"][phase], meter.torch[phase]))
    for phase in PHASES:
        rows.append(Row(f"flops.paper.{phase}", "paper rules", estimate.flops["paper"][phase], meter.paper[phase]))
    return rows


def _memory_rows(estimate: Estimate, peaks: dict[str, int], peak: int, instrument: str) -> list[Row]:
    memory = estimate.memory
    rows = [Row(f"memory.{group}", instrument, memory["groups"][group], peaks[group]) for group in GROUPS]
    rows.append(Row("memory.sum_of_group_peaks", instrument, memory["sum_of_group_peaks"], sum(peaks.values())))
    rows.append(Row("memory.peak", instrument, memory["peak"], peak))
    return rows
