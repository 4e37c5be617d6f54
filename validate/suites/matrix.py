"""Many cells, each measured in a process of its own and written down as soon as it is finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, cast

from validate.cell import CellSpec
from validate.suites.journal import Journal, Record
from validate.workers.pool import Executor

Numbers = Mapping[str, int | float]


def run_cells(
    cells: Iterable[CellSpec],
    journal: Journal,
    execute: Executor,
    retries: int = 0,
    predicted: Callable[[str], Numbers | None] = lambda _: None,
) -> Iterator[tuple[CellSpec, Record]]:
    """Measure cells that the journal does not have yet, and yield each with its record.

    Args:
        cells: what to measure, in order; each is taken when there is room for it.
        journal: where finished cells are read from and written to.
        execute: what measures.
        retries: how often cells that failed are tried again, when all others are done; those are yielded once more.
        predicted: gives a cell's prediction, to be written down beside its measurement.
    """
    known = journal.load()
    found: deque[tuple[CellSpec, Record]] = deque()

    def unknown() -> Iterator[CellSpec]:
        for spec in cells:
            if spec.key in known:
                found.append((spec, known[spec.key]))
            else:
                yield spec

    waiting: Iterable[CellSpec] = unknown()
    for _ in range(1 + retries):
        failed = []
        with closing(cast("Any", execute(waiting))) as finished:
            for spec, answer in finished:
                while found:
                    yield found.popleft()
                record = {"cell": spec.key, **answer, **beside(answer, predicted(spec.key))}
                journal.append(record)
                if "failed" in record:
                    failed.append(spec)
                yield spec, record
        yield from found
        found.clear()
        if not failed:
            return
        waiting = failed


def beside(answer: Record, predicted: Numbers | None) -> dict[str, Any]:
    """Return the predictions of what was measured, to be written down with it."""
    if predicted is None or "measured" not in answer:
        return {}
    return {"predicted": {name: predicted[name] for name in answer["measured"] if name in predicted}}
