"""``costmodel validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.arguments import AsJson, CellArguments, takes_cell
from costmodel.console import print_json, progress, working
from costmodel.errors import InputError
from costmodel.tables import show


@takes_cell
def validate(
    cell: CellArguments,
    as_json: AsJson = False,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Measure many cells: paper (the paper's 20), zoo (all models and methods), settings (optimizers, "
            "precisions, options), tasks (segmentation, video, text). A MODEL leaves the others out.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of a suite's journal and tables; measured cells are not measured again.")
    ] = Path("validation"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at a time.")] = 1,
) -> None:
    """Run the real step and print predicted, measured and difference for every number.

    Exit status 0 when all are equal, 1 when any differs.
    """
    if suite is not None:
        if cell.given:
            raise InputError(f"--suite {suite} excludes {', '.join(cell.given)}: a suite has cells of its own")
        raise typer.Exit(_run_suite(suite, cell.model, output, jobs, as_json))
    setup = cell.setup()
    asked = cell.request(setup)
    from validate.compare import validate_cell

    with working() as say:
        comparison = validate_cell(setup, asked, cell.alias(setup), say)
    if as_json:
        print_json(comparison.to_dict())
    else:
        from costmodel.render import comparison_blocks

        show(comparison_blocks(comparison))
    raise typer.Exit(0 if comparison.equal else 1)


def _run_suite(name: str, model: str | None, folder: Path, jobs: int, as_json: bool) -> int:
    from costmodel.render import suite_blocks
    from validate.table import validate_suite

    with progress() as say:
        table = validate_suite(name, model, folder, jobs, say)
    if as_json:
        print_json({"schema": "costmodel.suite/1", "rows": [row.to_dict() for row in table.rows]})
    else:
        show(suite_blocks(table))
    return 0 if table.equal else 1
