"""Measure every section, keep what is finished, write the pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from costmodel.errors import CostModelError, InputError, unknown
from costmodel.files import read_json, read_whole, write_whole
from validate.report import drawing, html, markdown
from validate.report.context import Context, Say
from validate.report.host import machine, packages
from validate.report.pages import Report, document
from validate.report.received import SCHEMA, check_section, received
from validate.report.sections import SECTIONS, Section
from validate.suites.journal import Journal
from validate.suites.table import writing

NAME = "report"
DRAWINGS = "report"
"""Folder of the drawings, beside the pages."""
JOURNAL = ".journal"
"""Folder of what is finished of a report that is not."""


def measure_all(folder: Path, jobs: int, say: Say, only: Iterable[str] = ()) -> Report:
    """Measure the sections; what an interrupted report has finished is not measured again.

    Args:
        folder: where the journal is, until the pages are written.
        jobs: how many processes measure at a time.
        say: told (what runs, how much is done, how much there is).
        only: names of sections; all if left out.

    Raises:
        InputError: for a section that is not known, or a folder that cannot be written.
    """
    chosen = tuple(only) or tuple(SECTIONS)
    for name in chosen:
        if name not in SECTIONS:
            raise unknown("section", name, SECTIONS)
    journal = folder / JOURNAL
    with writing(folder):
        journal.mkdir(parents=True, exist_ok=True)
    versions = packages()
    results = {}
    for name in chosen:
        context = Context(journal, jobs, partial(_within, SECTIONS[name].title, say), versions)
        results[name] = _finished(journal / f"{name}.json", versions) or _measured(SECTIONS[name], context)
    return {
        "schema": SCHEMA,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "packages": versions,
        "jobs": jobs,
        "sections": results,
    }


def _within(title: str, say: Callable[[str, int, int], None], text: str, done: int, total: int) -> None:
    say(f"{title}: {text}", done, total)


def _finished(path: Path, versions: dict[str, str]) -> dict[str, Any] | None:
    """Return a section's result where an earlier run finished it with the same packages."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = read_json(read_whole(path))
        if kept["packages"] == versions:
            return check_section(path.stem, kept["result"])
    return None


def _measured(section: Section, context: Context) -> dict[str, Any]:
    """Measure a section and write it down; what cannot be measured is left out with the reason."""
    start = perf_counter()
    try:
        result: dict[str, Any] = {"data": section.measure(context)}
    except CostModelError as error:
        return {"left_out": str(error), "seconds": round(perf_counter() - start, 1)}
    result["seconds"] = round(perf_counter() - start, 1)
    kept = json.dumps({"packages": dict(context.packages), "result": result})
    with writing(context.folder):
        write_whole(context.folder / f"{section.name}.json", kept)
    return result


def write(report: Report, folder: Path) -> list[Path]:
    """Write the pages, the drawings and the numbers.

    Returns:
        The page, its twin and the numbers.

    Raises:
        InputError: for a folder that cannot be written.
    """
    made = document(report)
    pages = {
        folder / f"{NAME}.md": markdown.text(made, DRAWINGS),
        folder / f"{NAME}.json": json.dumps(report) + "\n",
        folder / f"{NAME}.html": html.page(made),
    }
    with writing(folder):
        for picture in made.pictures:
            write_whole(folder / DRAWINGS / f"{picture.name}.svg", drawing.alone(picture.svg), follow=False)
        for path, text in pages.items():
            write_whole(path, text, follow=False)
    return list(pages)


def finish(report: Report, folder: Path) -> None:
    """Remove the journals of a report's sections, if it is without a gap; those of other sections stay."""
    if all("data" in result for result in report["sections"].values()):
        for name in report["sections"]:
            journal = Journal(folder / JOURNAL / f"{name}.jsonl", {})
            for path in (journal.path, journal.lock, journal.path.with_suffix(".json")):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # others are left
            (folder / JOURNAL).rmdir()


def read(path: Path) -> Report:
    """Read the numbers of an earlier report.

    Raises:
        InputError: for a file that cannot be read, or is none.
    """
    report = received(path)
    try:
        document(report)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"report {path}: damaged, its pages cannot be made: {error!r}") from error
    return report
