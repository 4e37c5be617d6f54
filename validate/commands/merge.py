"""``costmodel merge``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from costmodel.terminal.console import progress, visible
from costmodel.terminal.declared import AsJson
from costmodel.terminal.tables import Line, show
from validate.commands.validate import print_suite


def merge(
    suite: Annotated[str, typer.Argument(help="A suite's name, or its .toml file.", show_default=False)],
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that --output named in the runs.", metavar="DIR...", show_default=False),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the joined journal and its tables.", show_default=False)],
    depth: Annotated[str | None, typer.Option(help="As the runs were told, if they were.", show_default=False)] = None,
    run_models: Annotated[
        bool, typer.Option("--run-models", help="Import models that the suite's file gives as code: it is run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Join the journals of several runs of one suite, on whatever machines, and write its tables; nothing is measured.

    A suite's file and journals may be somebody else's: no code that they name is run, unless --run-models is given.

    Exit status 0 when every cell of the suite is there and equal, 1 when one is missing or differs, or when two runs
    measured different numbers with the same versions: those are listed, and both stay in the journal.
    """
    from validate.suites.merge import merge_journals
    from validate.suites.plan import plan_of
    from validate.suites.table import validate_suite, writing

    plan = plan_of(suite, code=run_models)
    plan = plan.at_depth(depth) if depth is not None else plan
    with writing(output):
        found = merge_journals(plan.name, folders, output)
    with progress() as say:
        table = validate_suite(plan, output, None, say)
    status = print_suite(table, as_json)
    if not as_json:
        show([Line(f"{found.read} records read, {len(found.records)} kept")])
    if found.again:
        print(f"{found.again} estimated cells were measured more than once: the last is kept", file=sys.stderr)
    for conflict in found.conflicts:
        print(visible(f"conflict: {conflict}"), file=sys.stderr)
    raise typer.Exit(1 if found.conflicts else status)
