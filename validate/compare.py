"""Predicted beside measured, number by number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.request import Request, numbers_only
from costmodel.cell.setup import Setup
from costmodel.cell.words import described
from costmodel.contract import FIRST, GROUPS, PHASES
from costmodel.errors import CostModelError, InputError
from costmodel.questions.estimate import Estimate, answer
from costmodel.results import INTEGER, NUMBER, TEXT, Result, frame
from costmodel.sources.source import Source
from validate.step.census import Census
from validate.step.instruments import FlopMeter, MemoryMeter, SecondOpinion
from validate.step.run import run

if TYPE_CHECKING:
    import pandas as pd

UNMEASURED = "no instrument measures FLOPs of kind svd and other: they are counts by the rules of docs/conventions.md"


Number = int | float


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what was predicted, and what the real step measures; FLOPs, bytes or seconds."""

    quantity: str
    instrument: str
    predicted: Number
    measured: Number

    @property
    def difference(self) -> Number:
        """Measured minus predicted; 0 when they are equal."""
        return self.measured - self.predicted

    @property
    def error(self) -> float | None:
        """Predicted over measured, minus 1: 0.05 for 5% too much; ``None`` where nothing was measured."""
        return self.predicted / self.measured - 1 if self.measured else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "difference": self.difference}


_COLUMNS = ("quantity", "instrument", "predicted", "measured", "difference", "error")


@dataclass(frozen=True)
class Measured(Result):
    """Numbers of one cell, predicted beside measured.

    Attributes:
        rows: number by number.
        notes: what was left out, and why.
    """

    SCHEMA: ClassVar[str] = "costmodel.validate/1"

    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def cell(self) -> dict[str, Any]:
        """Which cell it is, as plain data."""

    @property
    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Packages that the numbers depend on."""

    @property
    def exact(self) -> bool:
        """Whether a prediction is equal or wrong; an estimate has an error instead."""
        return True

    @property
    def equal(self) -> bool | None:
        """Whether every prediction is what was measured; ``None`` for estimates, of which that is not asked."""
        return all(row.difference == 0 for row in self.rows) if self.exact else None

    def content(self) -> dict[str, Any]:
        """Return the cell, every number, and what was left out."""
        return {
            **self.cell,
            "equal": self.equal,
            "rows": [row.to_dict() if self.exact else {**row.to_dict(), "error": row.error} for row in self.rows],
            "notes": list(self.notes),
            "versions": dict(self.versions),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each number: predicted, measured, difference and relative error."""
        whole = all(isinstance(value, int) for row in self.rows for value in (row.predicted, row.measured))
        kinds = (TEXT, TEXT, *[INTEGER if whole else NUMBER] * 3, NUMBER)
        rows = ({**row.to_dict(), "error": row.error} for row in self.rows)
        return frame(rows, dict(zip(_COLUMNS, kinds, strict=True)))


def cell_of(setup: Setup, point: Mapping[str, int | None]) -> dict[str, Any]:
    """Return a measured cell as plain data; the alias that it was asked for by is not part of it."""
    told = described(setup)
    del told["alias"]
    return {**told, "point": dict(point)}


@dataclass(frozen=True)
class Comparison(Measured):
    """The numbers of the operators, and the estimate that they are compared with.

    Attributes:
        estimate: what was predicted, and for which cell.
    """

    estimate: Estimate

    @property
    def cell(self) -> dict[str, Any]:
        """The estimate's cell and point."""
        return cell_of(self.estimate.setup, self.estimate.point)

    @property
    def versions(self) -> Mapping[str, str]:
        """The estimate's."""
        return self.estimate.versions


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
    estimate = answer(Source(setup, rehearsing=False), asked, alias)
    progress("real step under two memory recorders and the FLOP counters")
    memory, again, flops = MemoryMeter(), Census(), FlopMeter()
    try:
        run(setup, point, flops, again, memory)
    except CostModelError:
        raise
    except Exception as error:  # whatever stops a real step
        reason = " ".join(str(error).split())
        raise InputError(f"the real step of {setup.label} at {dict(estimate.point)} fails: {reason}") from error
    rows = _flop_rows(estimate, flops) + _memory_rows(estimate, memory.peaks, memory.peak, "recorder")
    rows += _memory_rows(estimate, again.peaks, again.peak, "second recorder")
    progress("real step under MemTracker")
    tracker, beside = SecondOpinion(), MemoryMeter()
    try:
        run(setup, point, tracker, beside)
    except Exception as error:  # the step itself has just run without it
        reason = f"it fails, {type(error).__name__}: {' '.join(str(error).split())}"
    else:
        reason = _otherwise(memory, tracker, beside)
        if not reason:
            rows += _memory_rows(estimate, tracker.peaks, tracker.peak, "MemTracker")
    notes = [UNMEASURED, *([f"MemTracker left out: {reason}"] if reason else [])]
    return Comparison(tuple(rows), tuple(notes), estimate)


def _otherwise(memory: MemoryMeter, tracker: SecondOpinion, beside: MemoryMeter) -> str:
    """Say where MemTracker disturbs a step, or sorts it into other groups than the contract; empty where it does not.

    It calls what a checkpoint computes again, or what a gradient is made of before it is reshaped, by other names.
    """
    if told := _differences(beside.peaks, memory.peaks):
        return f"its hooks keep tensors alive, the recorder beside it measures {told}"
    told = _differences({**tracker.peaks, "peak": tracker.peak}, {**memory.peaks, "peak": memory.peak})
    return f"it sorts tensors into other groups than the contract: it counts {told}" if told else ""


def _differences(one: Mapping[str, int], other: Mapping[str, int]) -> str:
    return ", ".join(f"{group} {one[group]:,} for {other[group]:,}" for group in one if one[group] != other[group])


def _flop_rows(estimate: Estimate, meter: FlopMeter) -> list[Row]:
    flops = estimate.flops
    phases = tuple(flops["torch"])
    apart = {phase: phase if phase in phases else later for later, phase in FIRST.items()}
    told = {**{phase: phase for phase in PHASES}, **apart}
    rows = []
    for phase, known in told.items():
        matmul = flops["arithmetic"]["by_kind"][known]["matmul"]
        rows.append(Row(f"flops.arithmetic.matmul.{phase}", "products", matmul, meter.products[phase]))
    for phase, known in told.items():
        rows.append(Row(f"flops.torch.{phase}", "torch registry", flops["torch"][known], meter.torch[phase]))
    for phase, known in told.items():
        rows.append(Row(f"flops.paper.{phase}", "paper rules", flops["paper"][known], meter.paper[phase]))
    return [row for row in rows if row.quantity.rpartition(".")[2] in phases or row.difference]


def _memory_rows(estimate: Estimate, peaks: dict[str, int], peak: int, instrument: str) -> list[Row]:
    memory = estimate.memory
    rows = [Row(f"memory.{group}", instrument, memory["groups"][group], peaks[group]) for group in GROUPS]
    rows.append(Row("memory.sum_of_group_peaks", instrument, memory["sum_of_group_peaks"], sum(peaks.values())))
    rows.append(Row("memory.peak", instrument, memory["peak"], peak))
    return rows
