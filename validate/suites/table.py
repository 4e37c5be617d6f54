"""A suite as a table: each cell measured in a process of its own, compared with its prediction, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from costmodel.errors import InputError
from costmodel.sources.versions import installed
from validate.cell import OPERATORS, CellSpec
from validate.cellkey import packages
from validate.suites.journal import Journal, Record
from validate.suites.matrix import beside, run_cells
from validate.suites.plan import Plan
from validate.suites.predictions import Number, Prediction, predictions
from validate.suites.rows import SuiteTable, row_of
from validate.suites.sheet import write
from validate.workers.pool import Executor

LIMIT = 12 * 2**30
"""Bytes of predicted peak above which a cell is not run."""

Say = Callable[[str, int, int], None]


def journal_of(plan: Plan, folder: Path) -> Journal:
    """Return the journal of a plan, for the packages installed here."""
    deciding = dict.fromkeys(name for spec in plan.cells for name in packages(spec.key) or ())
    return Journal(folder / f"{plan.name}.jsonl", installed(tuple(deciding)))


def validate_suite(
    plan: Plan,
    folder: Path,
    execute: Executor | None,
    say: Say = lambda *_: None,
    *,
    retries: int = 1,
    limit: int = LIMIT,
) -> SuiteTable:
    """Measure and compare every cell of a suite; what the journal already has is not measured again.

    Args:
        plan: the cells.
        folder: where ``NAME.jsonl`` (the journal), ``NAME.csv`` and ``NAME.md`` are.
        execute: what measures; ``None`` to take only what the journal has.
        say: told (what runs, cells done, cells in all).
        retries: how often cells that failed are tried again.
        limit: bytes of predicted peak above which a cell is not run.

    Raises:
        InputError: for a folder that cannot be written, or that another run is writing this suite to.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)  # before anything is measured
    journal = journal_of(plan, folder)
    predicted: dict[str, Prediction] = {}
    records: dict[str, Record] = {}
    known = journal.load(failed=True) if execute is None else {}
    stored = {key: record.get("predicted", {}) for key, record in known.items()} if execute is None else None

    def predicting() -> Iterator[CellSpec]:
        for spec, prediction in predictions(plan.cells, limit, stored):
            predicted[spec.key] = prediction
            if _worth_running(spec, prediction, limit):
                say(f"{spec.model} {spec.method}", len(records), len(plan.cells))
                yield spec

    if execute is None:
        records = {spec.key: known[spec.key] for spec in predicting() if spec.key in known}
    else:
        with journal.taken():
            for spec, record in run_cells(predicting(), journal, execute, retries, lambda key: predicted[key].numbers):
                records[spec.key] = record
                say(f"{spec.model} {spec.method}", len(records), len(plan.cells))
                _write_anew(journal, record, predicted[spec.key].numbers)
    rows = tuple(
        row_of(spec, predicted[spec.key], records.get(spec.key), limit, ran=execute is not None) for spec in plan.cells
    )
    table = SuiteTable(plan.name, plan.words, rows, journal.versions)
    if plan.whole:
        with writing(folder):
            write(table, folder)
    return table


def _worth_running(spec: CellSpec, prediction: Prediction, limit: int) -> bool:
    """Tell whether a cell is to be measured: it fits, and there is something to compare it with.

    A cell whose formula is refused is run all the same, at the depth of the operators: the step has to refuse it too.
    """
    if prediction.peak is not None and prediction.peak > limit:
        return False
    return spec.depth == OPERATORS or prediction.error is None


def _write_anew(journal: Journal, record: Record, predicted: Mapping[str, Number] | None) -> None:
    """Write a known measurement down once more where its prediction is another now."""
    if "predicted" in record:
        now = beside(record, predicted)
        if now and now["predicted"] != record["predicted"]:
            journal.append({**record, **now})


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one line that a folder cannot be written.

    Raises:
        InputError: in the place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"--output {folder} cannot be written: {error.strerror or error}") from error
