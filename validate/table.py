"""A suite as a table: each cell measured in a process of its own, compared with its formula, written down."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.contract import AXES
from costmodel.errors import CostModelError, InputError
from costmodel.files import write_whole
from costmodel.formula import PEAK
from costmodel.request import request
from costmodel.source import Source
from costmodel.subjects import model_table
from costmodel.versions import installed
from validate.matrix import Journal, Record, run_cells
from validate.measure import CellSpec
from validate.suite import cells

PACKAGES = ("peft", "galore-torch", "transformers")
LIMIT = 12 * 2**30
"""Bytes of predicted peak above which a cell is not run."""

EQUAL = "equal"
Say = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of a suite.

    Attributes:
        spec: the cell.
        verdict: ``equal``, or with more after a colon: ``differs`` (the numbers that do), ``not run`` (its peak is too
            large), ``refused`` (by the method, before anything is run) or ``failed`` (the reason).
        numbers: how many numbers were compared.
        predicted, measured: peak bytes, ``None`` where there is none.
        seconds: of the real step, its instruments included.
    """

    spec: CellSpec
    verdict: str
    numbers: int
    predicted: int | None
    measured: int | None
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, a column each."""
        setup = self.spec.setup
        return {
            "model": self.spec.model,
            "method": self.spec.method,
            "setting": " ".join(filter(None, ("--aux" * self.spec.aux, setup.options.label, setup.training.label))),
            **{axis: self.spec.point.get(axis) for axis in AXES},
            "verdict": self.verdict,
            "numbers": self.numbers,
            "peak_predicted": self.predicted,
            "peak_measured": self.measured,
            "seconds": self.seconds,
            "command": command(self.spec),
        }


@dataclass(frozen=True, slots=True)
class SuiteTable:
    """All rows of a suite, with the versions they hold for."""

    name: str
    rows: tuple[Row, ...]
    versions: Mapping[str, str]

    @property
    def equal(self) -> bool:
        """Whether every cell that was run is equal, and none failed."""
        return all(row.verdict.split(":")[0] in (EQUAL, "not run", "refused") for row in self.rows)

    @property
    def summary(self) -> str:
        """How many rows have which verdict."""
        counts: dict[str, int] = {}
        for row in self.rows:
            kind = row.verdict.split(":")[0]
            counts[kind] = counts.get(kind, 0) + 1
        return ", ".join(f"{times} {kind}" for kind, times in counts.items())


_FLAGS = {"N": "--batch", "H": "--height", "W": "--width", "S": "--length", "r": "--rank"}


def command(spec: CellSpec) -> str:
    """Return the command that reproduces a cell."""
    words = ["costmodel", "validate", spec.model, "--method", spec.method]
    for axis, value in spec.point.items():
        words += [_FLAGS[axis], str(value)]
    if spec.inputs:
        words += ["--input", spec.inputs]
    words += ["--aux"] * spec.aux
    for label in (spec.setup.options, spec.setup.training):
        words += label.words
    return shlex.join(words)


def validate_suite(name: str, model: str | None, folder: Path, jobs: int, say: Say) -> SuiteTable:
    """Measure and compare every cell of a suite; what the journal already has is not measured again.

    Args:
        name: of the suite.
        model: only cells of this model; ``None`` for all.
        folder: where ``NAME.jsonl`` (the journal), ``NAME.csv`` and ``NAME.md`` are.
        jobs: how many processes measure at a time.
        say: told (what runs, cells done, cells in all).

    Raises:
        InputError: for a suite or a model that is not known, or a folder that cannot be written.
    """
    known = model_table().get(model or "", {}).get("alias_of")
    planned = [spec for spec in cells(name) if model is None or spec.model in (model, known)]
    if not planned:
        raise InputError(f"suite '{name}' has no cell of model '{model}'")
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)  # before anything is measured
    journal = Journal(folder / f"{name}.jsonl", installed(PACKAGES))
    predictions: dict[str, dict[str, int] | CostModelError] = {}
    records: dict[str, Record] = {}

    def fitting() -> Iterator[CellSpec]:
        for spec, predicted in _predictions(planned):
            predictions[spec.key] = predicted
            if isinstance(predicted, dict) and predicted[PEAK] > LIMIT:
                continue
            say(f"{spec.model} {spec.method}", len(records), len(planned))
            yield spec

    for spec, record in run_cells(fitting(), journal, jobs):
        records[spec.key] = record
        say(f"{spec.model} {spec.method}", len(records), len(planned))
    rows = tuple(_row(spec, predictions[spec.key], records.get(spec.key)) for spec in planned)
    table = SuiteTable(name, rows, journal.versions)
    if model is None:
        with _writing(folder):
            write(table, folder)
    return table


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say in one line that a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"--output {folder} cannot be written: {error.strerror or error}") from error


def _predictions(planned: list[CellSpec]) -> Iterator[tuple[CellSpec, dict[str, int] | CostModelError]]:
    """Yield each cell with its formula's numbers, or with the reason why it has none."""
    source: Source | None = None
    for spec in planned:
        setup = spec.setup
        if source is None or source.setup.identity is None or source.setup.identity != setup.identity:
            source = Source(setup)  # neighbours share theirs, others the disk cache
        sizes = {name: spec.point.get(axis) for axis, name in (("H", "height"), ("W", "width"), ("S", "length"))}
        try:
            asked = request(setup, rank=spec.point.get("r"), batch=spec.point["N"], **sizes)
            yield spec, source.derivation(asked).formula.evaluate(spec.point)
        except CostModelError as error:
            yield spec, error


def _row(spec: CellSpec, predicted: dict[str, int] | CostModelError, record: Record | None) -> Row:
    if record is None:
        assert isinstance(predicted, dict)
        needed = predicted[PEAK] / 2**30
        return Row(
            spec, f"not run: its peak of {needed:.2f} GiB is over {LIMIT / 2**30:g} GiB", 0, predicted[PEAK], None, None
        )
    measured = record.get("measured")
    seconds = record.get("seconds")
    if isinstance(predicted, CostModelError):
        refused = isinstance(predicted, InputError) and "refused" in record
        verdict = f"refused: {predicted}" if refused else f"failed: no estimate: {predicted}"
        return Row(spec, verdict, 0, None, measured and measured[PEAK], seconds)
    if measured is None:
        return Row(spec, f"failed: {record.get('failed') or record['refused']}", 0, predicted[PEAK], None, None)
    wrong = [f"{name} {predicted[name]} for {value}" for name, value in measured.items() if predicted[name] != value]
    verdict = f"differs: {'; '.join(wrong)}" if wrong else EQUAL
    return Row(spec, verdict, len(measured), predicted[PEAK], measured[PEAK], seconds)


def write(table: SuiteTable, folder: Path) -> None:
    """Write a table as CSV and Markdown, whole or not at all."""
    rows = [row.to_dict() for row in table.rows]
    text = io.StringIO()
    sheet = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    sheet.writeheader()
    sheet.writerows(rows)
    write_whole(folder / f"{table.name}.csv", text.getvalue())
    write_whole(folder / f"{table.name}.md", "\n".join(_markdown(table, rows)) + "\n")


def _markdown(table: SuiteTable, rows: list[dict[str, Any]]) -> Iterator[str]:
    yield f"# Validation suite `{table.name}`"
    yield ""
    yield (
        f"Made by `costmodel validate --suite {table.name} --output docs/validation`: {table.summary}. Every number "
        "of a cell (memory groups, peak, FLOPs under each measurable convention) is compared with the real step as an "
        f"integer. {', '.join(f'{name} {version}' for name, version in table.versions.items())}. "
        f"`{table.name}.csv` has the command that reproduces each row."
    )
    yield ""
    yield "| model | method | setting | point | verdict | peak predicted | peak measured |"
    yield "| --- | --- | --- | --- | --- | ---: | ---: |"
    for row in rows:
        point = ", ".join(f"{axis}={row[axis]}" for axis in AXES if row[axis] is not None)
        peaks = [f"{value:,}" if value is not None else "" for value in (row["peak_predicted"], row["peak_measured"])]
        setting = f"`{row['setting']}`".replace("|", "\\|") if row["setting"] else ""
        yield f"| {row['model']} | {row['method']} | {setting} | {point} | {row['verdict']} | {' | '.join(peaks)} |"
