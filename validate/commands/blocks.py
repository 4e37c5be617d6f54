"""What was measured, as tables for people."""

from __future__ import annotations

from functools import singledispatch

from costmodel.cell.words import title
from costmodel.terminal.tables import Block, Line, Row, Table
from validate.cellkey import label
from validate.compare import Comparison, Measured
from validate.deep import Sounding
from validate.suites.drift import Drift, stated
from validate.suites.rows import SuiteTable


@singledispatch
def measured_blocks(found: Measured) -> list[Block]:
    """Lay out what was predicted and measured of one cell, by the depth that it was watched at."""
    raise NotImplementedError(found)


@measured_blocks.register
def comparison_blocks(comparison: Comparison) -> list[Block]:
    """Lay out predicted, measured and difference for every number, and the verdict."""
    rows = [
        Row(
            (row.quantity, row.instrument, *(f"{value:,}" for value in (row.predicted, row.measured, row.difference))),
            "bold red" if row.difference else "",
        )
        for row in comparison.rows
    ]
    wrong = [row for row in comparison.rows if row.difference]
    verdict = f"{len(wrong)} of {len(rows)} numbers differ" if wrong else f"equal: all {len(rows)} numbers"
    return [
        Line(comparison.estimate.title, "bold"),
        Line(),
        Table(("quantity", "instrument", "predicted", "measured", "difference"), tuple(rows), left=2),
        *map(Line, comparison.notes),
        Line(verdict, "bold red" if wrong else "bold green"),
    ]


@measured_blocks.register
def sounding_blocks(sounding: Sounding) -> list[Block]:
    """Lay out predicted and measured at one depth: the difference where they can be equal, else the relative error."""
    exact, unit = sounding.depth.exact, sounding.depth.unit
    rows = []
    for one in sounding.rows:
        numbers = (
            f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for value in (one.predicted, one.measured)
        )
        last = f"{one.difference:,}" if exact else _percent(one.error)
        rows.append(Row((one.quantity, *numbers, last), "bold red" if exact and one.difference else ""))
    columns = ("quantity", *(f"{word}, {unit}" if unit else word for word in ("predicted", "measured")))
    verdict = {
        True: Line(f"equal: all {len(rows)} numbers", "bold green"),
        False: Line(f"{sum(one.difference != 0 for one in sounding.rows)} of {len(rows)} numbers differ", "bold red"),
        None: Line("An estimate: there is no equal, only its error.", "bold"),
    }[sounding.equal]
    return [
        Line(title(sounding.setup, sounding.point.values(), sounding.alias), "bold"),
        Line(f"{sounding.depth.name}: {sounding.depth.about}"),
        Line(),
        Table((*columns, "difference" if exact else "error"), tuple(rows)),
        *map(Line, sounding.notes),
        verdict,
    ]


def suite_blocks(suite: SuiteTable) -> list[Block]:
    """Lay out one line for each cell of a suite, and the errors of what was estimated."""
    rows: list[Row] = []
    for row in suite.rows:
        numbers = ("" if value is None else _measured(value) for value in row.headline)
        point = " ".join(f"{axis}={value}" for axis, value in row.spec.point.items())
        cells = (row.spec.setup.label, point, row.verdict, str(row.numbers), *numbers)
        rows.append(Row(cells, "" if row.kind in ("equal", "measured") else "bold red"))
    word = "" if suite.errors else "peak "
    columns = ("cell", "point", "verdict", "numbers", f"{word}predicted", f"{word}measured")
    errors = [
        Row((name, str(cells), *(f"{100 * error:.1f}%" for error in sizes)))
        for name, (cells, *sizes) in suite.errors.items()
    ]
    estimated = Table(("estimate", "cells", "median error", "90% within", "largest error"), tuple(errors))
    between: list[Block] = [Line(), estimated, Line()] if errors else []
    return [
        Table(columns, tuple(rows), left=3),
        *between,
        Line(suite.summary, "bold"),
    ]


def drift_blocks(drift: Drift) -> list[Block]:
    """Lay out what has changed between two result files."""
    blocks: list[Block] = []
    for name, side in (("old", drift.old), ("new", drift.new)):
        blocks.append(Line(f"{name}: {side.path}, {len(side.cells)} cells", "bold"))
        blocks += [Line(f"  {stated(versions)}") for versions in side.versions]
    for name, cells in (("added", drift.added), ("removed", drift.removed)):
        blocks += [Line(f"{name}: {label(cell)}") for cell in cells]
    for cell in drift.changed:
        old, new = cell.verdicts
        blocks.append(Line(f"changed: {label(cell.cell)}: {old if old == new else f'{old} -> {new}'}", "bold"))
        for change in cell.changes:
            numbers = ("nothing" if value is None else _measured(value) for value in (change.old, change.new))
            relative = f" ({_percent(change.relative)})" if change.relative is not None else ""
            blocks.append(Line(f"  {change.quantity} {change.kind}: {' -> '.join(numbers)}{relative}"))
    counts = (len(drift.changed), len(drift.added), len(drift.removed), drift.unchanged)
    words = ("changed", "added", "removed", "unchanged")
    summary = ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True))
    return [*blocks, Line(summary, "bold green" if drift.same else "bold red")]


def _percent(error: float | None) -> str:
    """Write a relative error: ``+1.2%``; empty where there is none."""
    return "" if error is None else f"{100 * error:+.1f}%"


def _measured(value: float) -> str:
    """Write an integer in full, and a fraction to four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
