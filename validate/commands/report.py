"""``costmodel report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.terminal.console import progress
from costmodel.terminal.tables import Line, Row, Table, show


def report(
    output: Annotated[
        Path, typer.Option(help="Folder of report.html, report.md, report.json and the drawings.")
    ] = Path("report"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at a time.")] = 2,
    section: Annotated[
        list[str] | None,
        typer.Option(help="Only this section; may be given again: claims, kernels, allocator, ... (all if left out)."),
    ] = None,
    numbers: Annotated[
        Path | None,
        typer.Option("--from", help="Write the pages anew from an earlier report.json; nothing is measured."),
    ] = None,
) -> None:
    """Measure the paper's claims anew and write one HTML page, its Markdown twin and all numbers.

    An interrupted report goes on where it was. Exit status 1 when a cell differs from its prediction or a section had
    to be left out.
    """
    from validate.claims.verdict import VERDICTS
    from validate.report import depth_part, finish, measure_all, read, write
    from validate.report.numbers import faults
    from validate.report.pages import judgements

    if numbers is not None:
        made = read(numbers)
    else:
        with progress() as say:
            made = measure_all(output, jobs, say, section or ())
    files = write(made, output)
    if numbers is None:
        finish(made, output)
    verdicts = [one.verdict for one in judgements(made)]
    rows = tuple(Row((name, str(verdicts.count(name)))) for name in VERDICTS.values() if verdicts)
    left_out = {name: result["left_out"] for name, result in made["sections"].items() if "left_out" in result}
    wrong = faults(made["sections"].get("claims", {}).get("data") or {"cells": ()})
    for result in made["sections"].values():
        if "rows" in result.get("data", {}):
            wrong += depth_part.faults(result["data"])
    told = [Line(f"left out: {name}: {reason}") for name, reason in left_out.items()]
    told += [Line(f"wrong: {fault}") for fault in wrong]
    show([*([Table(("claims", ""), rows)] if rows else []), *told, *(Line(f"wrote {path}") for path in files)])
    raise typer.Exit(1 if left_out or wrong else 0)
