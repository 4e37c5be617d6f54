"""The rows of a suite: each cell with its verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.axes import AXIS
from costmodel.contract import AXES
from costmodel.errors import InputError
from costmodel.results import INTEGER, NUMBER, TEXT, Result, frame
from validate.cell import OPERATORS, CellSpec
from validate.depths import DEPTHS, Depth
from validate.suites.journal import Record
from validate.suites.predictions import Number, Prediction

if TYPE_CHECKING:
    import pandas as pd

EQUAL, MEASURED, REFUSED, NOT_RUN, MISSING = "equal", "measured", "refused", "not run", "missing"
GOOD = (EQUAL, MEASURED, REFUSED, NOT_RUN)
"""Verdicts that leave nothing to be done."""


def command(spec: CellSpec) -> str:
    """Return the command that reproduces a cell."""
    words = ["costmodel", "validate", spec.model, "--method", spec.method]
    for axis, value in spec.point.items():
        words += [AXIS[axis].flag, str(value)]
    for choices in (spec.told, spec.setup.options, spec.setup.training):
        words += choices.words
    if spec.depth != OPERATORS:
        words += ["--depth", spec.depth]
    return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of a suite.

    Attributes:
        spec: the cell.
        verdict: ``equal``, or with more after a colon: ``differs`` (the numbers that do), ``measured`` (the errors of
            an estimate), ``not run`` (its peak is too large), ``refused`` (by the method, before anything is run),
            ``failed`` (the reason) or ``missing`` (from the journal, where nothing is to be run).
        predicted, measured: number by quantity, ``None`` where there is none.
        seconds: of the real step, its instruments included.
    """

    spec: CellSpec
    verdict: str
    predicted: Mapping[str, Number] | None
    measured: Mapping[str, Number] | None
    seconds: float | None

    @property
    def kind(self) -> str:
        """The verdict in a word."""
        return self.verdict.split(":")[0]

    @property
    def depth(self) -> Depth:
        """What it was watched by."""
        return DEPTHS[self.spec.depth]

    @property
    def numbers(self) -> int:
        """How many numbers were compared."""
        return len(self.measured) if self.measured and self.predicted else 0

    @property
    def headline(self) -> tuple[Number | None, Number | None]:
        """The one number that stands for all, predicted and measured; ``None`` where there is none."""
        name = self.depth.headline
        return (self.predicted or {}).get(name), (self.measured or {}).get(name)

    @property
    def errors(self) -> dict[str, float]:
        """Relative error of each quantity of an estimate: 0.05 for 5% too much."""
        if self.depth.exact or not self.numbers:
            return {}
        assert self.predicted is not None
        assert self.measured is not None
        return {name: self.predicted[name] / value - 1 for name, value in self.measured.items() if value}

    @property
    def setting(self) -> str:
        """What is not at its default, as on the command line."""
        setup, told = self.spec.setup, replace(self.spec.told, inputs=None)
        return " ".join(filter(None, (told.label, setup.options.label, setup.training.label)))

    @property
    def cell(self) -> dict[str, Any]:
        """Which cell it is, a column each."""
        return {
            "model": self.spec.model,
            "method": self.spec.method,
            "setting": self.setting,
            **{axis: self.spec.point.get(axis) for axis in AXES},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, a column each; at another depth than the operators with every quantity."""
        predicted, measured = self.headline
        exact = self.spec.depth == OPERATORS
        told = {
            **self.cell,
            "verdict": self.verdict,
            "numbers": self.numbers,
            "peak_predicted": predicted if exact else None,
            "peak_measured": measured if exact else None,
            "seconds": self.seconds,
            "command": command(self.spec),
        }
        return told if exact else {**told, "depth": self.spec.depth, "quantities": self.quantities}

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield each quantity with the cell it is of; of a cell that has none, one without numbers."""
        nothing: dict[str, Number | None] = {"predicted": None, "measured": None, "error": None}
        for name, numbers in (self.quantities or {self.depth.headline: nothing}).items():
            yield {
                **self.cell,
                "depth": self.spec.depth,
                "verdict": self.verdict,
                "quantity": name,
                **numbers,
                "seconds": self.seconds,
                "command": command(self.spec),
            }

    @property
    def quantities(self) -> dict[str, dict[str, Number | None]]:
        """Every quantity: predicted, measured and the relative error of an estimate."""
        predicted, measured, errors = self.predicted or {}, self.measured or {}, self.errors
        return {
            name: {"predicted": predicted.get(name), "measured": measured.get(name), "error": errors.get(name)}
            for name in measured or predicted
        }


_COLUMNS = {
    **dict.fromkeys(("model", "method", "setting"), TEXT),
    **dict.fromkeys(AXES, INTEGER),
    **dict.fromkeys(("depth", "verdict", "quantity"), TEXT),
    **dict.fromkeys(("predicted", "measured"), TEXT),  # integers or fractions, by the depth
    **dict.fromkeys(("error", "seconds"), NUMBER),
    "command": TEXT,
}


@dataclass(frozen=True)
class SuiteTable(Result):
    """All rows of a suite, with the versions they hold for.

    Attributes:
        name: of the suite.
        words: what ``costmodel validate`` was told to get it.
        rows: in the suite's order.
        versions: of the packages that decide the numbers.
    """

    SCHEMA: ClassVar[str] = "costmodel.suite/1"

    name: str
    words: tuple[str, ...]
    rows: tuple[Row, ...]
    versions: Mapping[str, str]

    @property
    def equal(self) -> bool:
        """Whether every cell that was run is equal, or an estimate, and none failed."""
        return all(row.kind in GOOD for row in self.rows)

    def content(self) -> dict[str, Any]:
        """Return every row."""
        return {"rows": [row.to_dict() for row in self.rows]}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each quantity of each cell; a cell without any has one without numbers."""
        return frame((line for row in self.rows for line in row.lines()), _COLUMNS)

    @property
    def summary(self) -> str:
        """How many rows have which verdict."""
        counts: dict[str, int] = {}
        for row in self.rows:
            counts[row.kind] = counts.get(row.kind, 0) + 1
        return ", ".join(f"{times} {kind}" for kind, times in counts.items())

    @property
    def errors(self) -> dict[str, tuple[int, float, float, float]]:
        """For each estimated quantity: how many cells; median, 90th percentile and largest error, without sign."""
        sizes: dict[str, list[float]] = {}
        for row in self.rows:
            for name, error in row.errors.items():
                sizes.setdefault(name, []).append(abs(error))
        return {
            name: (len(all_), median(all_), sorted(all_)[-(-9 * len(all_) // 10) - 1], max(all_))
            for name, all_ in sizes.items()
        }


def row_of(spec: CellSpec, prediction: Prediction, record: Record | None, limit: int, ran: bool = True) -> Row:
    """Compare a cell's prediction with its record.

    Args:
        spec: the cell.
        prediction: what it was predicted to measure.
        record: what it measured, or why not; ``None`` where there is none.
        limit: bytes of predicted peak above which it is not run.
        ran: whether cells without a record were to be run.
    """
    predicted, peak, error = prediction.numbers, prediction.peak, prediction.error
    if record is None and peak is not None and peak > limit:
        verdict = f"{NOT_RUN}: its peak of {peak / 2**30:.2f} GiB is over {limit / 2**30:g} GiB"
        return Row(spec, verdict, predicted, None, None)
    if record is None and not ran:
        return Row(spec, f"{MISSING}: it has not been measured", predicted, None, None)
    measured = (record or {}).get("measured")
    seconds = (record or {}).get("seconds")
    if error is not None:
        refused = isinstance(error, InputError) and "refused" in (record or {})
        return Row(spec, f"{REFUSED}: {error}" if refused else f"failed: no estimate: {error}", None, measured, seconds)
    assert record is not None
    assert predicted is not None
    if measured is not None and (missing := measured.keys() - predicted.keys()):
        return Row(
            spec, f"failed: its record has {', '.join(sorted(missing))}, which is not predicted", None, None, None
        )
    if measured is None:
        return Row(spec, f"failed: {record.get('failed') or record['refused']}", predicted, None, None)
    row = Row(spec, EQUAL, predicted, measured, seconds)
    if not DEPTHS[spec.depth].exact:
        shown = ", ".join(f"{name} {100 * error:+.1f}%" for name, error in row.errors.items())
        return Row(spec, f"{MEASURED}: {shown}", predicted, measured, seconds)
    wrong = [f"{name} {predicted[name]} for {value}" for name, value in measured.items() if predicted[name] != value]
    return Row(spec, f"differs: {'; '.join(wrong)}", predicted, measured, seconds) if wrong else row
