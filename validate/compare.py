"""Predicted beside measured, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.api import Estimate, answer
from costmodel.contract import DEFAULT_CLASSES, GROUPS, PHASES
from costmodel.errors import InputError
from costmodel.request import numbers_only, request
from costmodel.source import source
from validate.instruments import FlopMeter, MemoryMeter, SecondOpinion
from validate.step import run

if TYPE_CHECKING:
    from torch import nn

UNMEASURED = "no instrument measures FLOPs of kind svd and other: they are counts by the rules of docs/conventions.md"

SKIPPED = {
    "dora": "MemTracker left out: its hooks keep dead tensors of DoRA models alive until the garbage collector runs",
}
"""Methods whose step MemTracker disturbs, with the reason."""


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
        cell = {name: getattr(self.estimate, name) for name in ("model", "method", "optimizer", "loss", "classes")}
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
    model: str | nn.Module,
    method: str = "fft",
    *,
    rank: object = None,
    batch: object = 1,
    resolution: object = None,
    height: object = None,
    width: object = None,
    classes: object = DEFAULT_CLASSES,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Estimate a cell, run its real step, and compare.

    Args: as `costmodel.estimate`, numbers only; ``progress`` is told what runs next.

    Raises:
        InputError: for bad input, a name where a number is needed included.
    """
    cell = source(model, method, classes)
    asked = request(cell.method, rank=rank, batch=batch, resolution=resolution, height=height, width=width)
    point = numbers_only(asked, "the real step needs a number")
    progress("tracing")
    alias = model if isinstance(model, str) and model != cell.subject.name else None
    estimate = answer(cell, asked, alias)
    progress("real step under the memory recorder")
    memory = MemoryMeter()
    try:
        run(cell.subject, cell.method, point, memory)
    except (RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the real step of {cell.subject.name} at {dict(estimate.point)} fails: {reason}") from error
    progress("real step under the FLOP counters")
    flops = FlopMeter()
    run(cell.subject, cell.method, point, flops)
    rows = _flop_rows(estimate, flops) + _memory_rows(estimate, memory.peaks, memory.peak, "recorder")
    notes = [UNMEASURED]
    if cell.method.name in SKIPPED:
        notes.append(SKIPPED[cell.method.name])
    else:
        progress("real step under MemTracker")
        second = SecondOpinion()
        run(cell.subject, cell.method, point, second)
        rows += _memory_rows(estimate, second.peaks, second.peak, "MemTracker")
    return Comparison(estimate, tuple(rows), tuple(notes))


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
