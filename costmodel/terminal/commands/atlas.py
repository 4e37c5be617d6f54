"""``costmodel atlas build`` and ``costmodel atlas check``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.terminal.console import print_json, progress
from costmodel.terminal.declared import AsJson, for_typer
from costmodel.terminal.tables import Line, show

atlas = typer.Typer(help="Build and check the formulas that ship with the package.", no_args_is_help=True)


@atlas.command(epilog="Example: costmodel atlas build --jobs 2")
@for_typer
def build(
    models: Annotated[list[str] | None, typer.Argument(help="Only these models; all if left out.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that derive at a time.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Derive the formulas of every classification model with the five methods; an interrupted build goes on."""
    from costmodel.sources import survey

    with progress() as say:
        found = survey.build(models or [], jobs, say)
    if as_json:
        print_json(found)
    else:
        show([Line(f"{len(found.written)} models written, {found.current} were current already")])


@atlas.command(epilog="Example: costmodel atlas check --sample 5")
@for_typer
def check(
    sample: Annotated[
        int | None, typer.Option(min=1, help="How many formulas, drawn at random; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which ones are drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Derive shipped formulas again and compare: exit status 1 when one is stale, or a file damaged."""
    from costmodel.sources import survey

    with progress() as say:
        found = survey.check(sample, seed, say)
    if as_json:
        print_json(found)
    else:
        summary = f"{found.checked} formulas derived again, {len(found.stale)} stale"
        show([*map(Line, found.stale), Line(summary)])
    raise typer.Exit(1 if found.stale else 0)
