"""The table of a suite as files: CSV for programs, Markdown for people."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costmodel.contract import AXES
from costmodel.files import in_sheet, write_whole
from validate.cell import OPERATORS
from validate.markup import code, literal
from validate.suites.predictions import Number
from validate.suites.rows import Row, SuiteTable


def write(table: SuiteTable, folder: Path) -> None:
    """Write a table as CSV and Markdown, each whole or not at all.

    Raises:
        OSError: when the folder cannot be written.
    """
    rows = list(_sheet(table))
    text = io.StringIO()
    sheet = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    sheet.writeheader()
    sheet.writerows({name: in_sheet(value) for name, value in row.items()} for row in rows)
    # The folder may be a third party's, joined with another: its links are not written through.
    write_whole(folder / f"{table.name}.csv", text.getvalue(), follow=False)
    write_whole(folder / f"{table.name}.md", "\n".join(_markdown(table, folder)) + "\n", follow=False)


def _deep(table: SuiteTable) -> bool:
    """Tell whether any cell was measured at another depth than the operators."""
    return any(row.spec.depth != OPERATORS for row in table.rows)


def _sheet(table: SuiteTable) -> Iterator[dict[str, Any]]:
    """Yield a line for each cell, or at other depths for each of its quantities."""
    if not _deep(table):
        yield from (row.to_dict() for row in table.rows)
        return
    for row in table.rows:
        yield from row.lines()


def _markdown(table: SuiteTable, folder: Path) -> Iterator[str]:
    deep = _deep(table)
    made = shlex.join(["costmodel", "validate", *table.words, "--output", folder.as_posix()])
    exactly = (
        "Every number of a cell (memory groups, peak, FLOPs under each measurable convention) is compared with the "
        "real step as an integer."
    )
    estimated = "An exact number is equal to the measured one or not; an estimate has a relative error."
    yield f"# Validation suite `{table.name}`"
    yield ""
    yield (
        f"Made by `{made}`: {table.summary}. {estimated if deep else exactly} "
        f"{', '.join(f'{name} {version}' for name, version in table.versions.items())}. "
        f"`{table.name}.csv` has the command that reproduces each row."
    )
    yield ""
    if table.errors:
        yield "| estimate | cells | median error | 90% of cells within | largest error |"
        yield "| --- | ---: | ---: | ---: | ---: |"
        for name, (cells, *errors) in table.errors.items():
            yield f"| {name} | {cells} | {' | '.join(f'{100 * error:.1f}%' for error in errors)} |"
        yield ""
    word = "" if deep else "peak "
    yield f"| model | method | setting | point | {'depth | ' * deep}verdict | {word}predicted | {word}measured |"
    yield f"| --- | --- | --- | --- | {'--- | ' * deep}--- | ---: | ---: |"
    for row in table.rows:
        yield _line(row, deep)


def _line(row: Row, deep: bool) -> str:
    point = ", ".join(f"{axis}={row.spec.point[axis]}" for axis in AXES if axis in row.spec.point)
    setting = code(row.setting) if row.setting else ""
    cells = (literal(row.spec.model), row.spec.method, setting, point, *[row.spec.depth] * deep, literal(row.verdict))
    return f"| {' | '.join((*cells, *map(number, row.headline)))} |"


def number(value: Number | None) -> str:
    """Write an integer in full, a measured fraction to four digits, nothing where there is none."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
