"""A depth of the validator as a section: what was measured there, against its prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from costmodel.units import size
from validate.depths import DEPTHS
from validate.report.context import Context
from validate.report.document import Block, Grid, Items, Prose, literal
from validate.suites.rows import Row
from validate.suites.suite import cells

OWN = {"process": "process", "time": "clock"}
"""Suites whose cells name their depth themselves."""

SHARE = {"process": 3, "time": 2}
"""Of those, the report measures every third and every second cell; whole, they take longer than a report should."""

LOOKS = {"equal": "good", "differs": "bad", "failed": "bad"}


def suite_of(depth: str) -> str:
    """Return the suite that is measured at a depth: of models its estimate was not fitted to, or the paper's cells."""
    return OWN.get(depth, "paper")


def command(depth: str) -> str:
    """Return the command that measures the same."""
    part = f" --part 1/{SHARE[depth]}" if depth in SHARE else ""
    return f"costmodel validate --suite {suite_of(depth)}{part}" + ("" if depth in OWN else f" --depth {depth}")


def measure(depth: str, context: Context) -> dict[str, Any]:
    """Measure the suite of a depth."""
    # Clocks do not share a machine.
    chosen = [replace(spec, depth=depth) for spec in cells(suite_of(depth))[:: SHARE.get(depth, 1)]]
    table = context.measure(depth, chosen, 1 if depth == "time" else None)
    errors = {name: list(found) for name, found in table.errors.items()}
    return {"rows": list(map(_row, table.rows)), "errors": errors, "summary": table.summary}


def _row(row: Row) -> dict[str, Any]:
    point = " ".join(f"{axis}={value}" for axis, value in row.spec.point.items())
    return {
        "cell": f"{row.spec.model} {row.spec.method}",
        "point": point,
        "verdict": row.verdict,
        "predicted": dict(row.predicted) if row.predicted else None,
        "measured": dict(row.measured) if row.measured else None,
    }


def blocks(depth: str, data: Mapping[str, Any]) -> Iterator[Block]:
    """Lay out what was found: for a depth that can be exact, which cells are equal, else the errors."""
    about = DEPTHS[depth]
    share = f" One in {SHARE[depth]} cells of the suite `{suite_of(depth)}` was measured." if depth in SHARE else ""
    yield Prose(f"{about.about[:1].upper()}{about.about[1:]}: {literal(data['summary'])}.{share}")
    if not about.exact:
        yield _errors(data)
    quantities = list(dict.fromkeys(name for row in data["rows"] for name in row["measured"] or ()))
    shared = [
        part for part in data["rows"][0]["point"].split() if all(part in row["point"].split() for row in data["rows"])
    ]
    columns = ["cell"]
    for name in quantities:
        columns += [f"{name.removeprefix(f'{depth}.')}, predicted", "measured"] + ([] if about.exact else ["error"])
    rows = [tuple(_cells(depth, row, quantities, shared)) for row in data["rows"]]
    numeric = frozenset(range(1, len(columns)))
    if about.exact:
        columns.append("verdict")
        rows = [(*cells, row["verdict"].split(":")[0]) for cells, row in zip(rows, data["rows"], strict=True)]
    caption = f"Every cell, {' '.join(shared)}" if shared else "Every cell"
    yield Grid(caption, tuple(columns), tuple(rows), numeric, marks=LOOKS)
    if failed := faults(data):
        yield Items(tuple(map(literal, failed)))


def faults(data: Mapping[str, Any]) -> list[str]:
    """Name every cell that was to be measured and was not, with the reason."""
    return [
        f"{row['cell']} {row['point']}: {row['verdict']}"
        for row in data["rows"]
        if row["verdict"].split(":")[0] in ("failed", "missing", "not run")
    ]


def _cells(depth: str, row: Mapping[str, Any], quantities: list[str], shared: list[str]) -> Iterator[str]:
    yield " ".join([row["cell"], *(part for part in row["point"].split() if part not in shared)])
    for name in quantities:
        predicted, measured = ((row[side] or {}).get(name) for side in ("predicted", "measured"))
        yield written(depth, predicted)
        yield written(depth, measured)
        if not DEPTHS[depth].exact:
            yield f"{100 * (predicted / measured - 1):+.1f}%" if predicted and measured else ""


def written(depth: str, value: float | None) -> str:
    """Write a number as its depth has it: exact ones whole, estimates in units."""
    if value is None:
        return ""
    if DEPTHS[depth].exact:
        return f"{int(value):,}"
    return f"{1000 * value:,.1f} ms" if DEPTHS[depth].unit == "s" else size(int(value))


def _errors(data: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (name, f"{count:,}", f"{100 * middle:.1f}%", f"{100 * most:.1f}%", f"{100 * largest:.1f}%")
        for name, (count, middle, most, largest) in data["errors"].items()
    )
    columns = ("quantity", "cells", "median error", "90% of cells within", "largest")
    return Grid("Estimates against measurements", columns, rows, frozenset(range(1, 5)))
