"""``costmodel atlas build`` and ``costmodel atlas check``."""

from __future__ import annotations

import random
from typing import Annotated

import typer

from costmodel.terminal.arguments import AsJson
from costmodel.terminal.console import print_json, progress
from costmodel.terminal.tables import Line, show

atlas = typer.Typer(help="Build and check the formulas that ship with the package.", no_args_is_help=True)


@atlas.command(epilog="Example: costmodel atlas build --jobs 2")
def build(
    models: Annotated[list[str] | None, typer.Argument(help="Only these models; all if left out.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that derive at a time.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Derive the formulas of every classification model with the five methods; an interrupted build goes on."""
    from costmodel.sources.survey import build as build_atlas
    from costmodel.sources.survey import models as known

    with progress() as say:
        written = build_atlas(models or [], jobs, say)
    current = len(models or known()) - len(written)
    if as_json:
        print_json({"schema": "costmodel.sources.atlas.build/1", "written": written, "current": current})
    else:
        show([Line(f"{len(written)} models written, {current} were current already")])


@atlas.command(epilog="Example: costmodel atlas check --sample 5")
def check(
    sample: Annotated[
        int | None, typer.Option(min=1, help="How many formulas, drawn at random; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which ones are drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Derive shipped formulas again and compare: exit status 1 when one is stale, or a file damaged."""
    from costmodel.sources.survey import damaged, entries, stale

    chosen = entries()
    if sample is not None:
        chosen = random.Random(seed).sample(chosen, min(sample, len(chosen)))  # noqa: S311  # a sample, not a secret
    complaints = damaged()
    with progress() as say:
        for done, entry in enumerate(chosen):
            say(str(entry), done, len(chosen))
            complaints += filter(None, [stale(entry)])
    if as_json:
        print_json({"schema": "costmodel.sources.atlas.check/1", "checked": len(chosen), "stale": complaints})
    else:
        show([*map(Line, complaints), Line(f"{len(chosen)} formulas derived again, {len(complaints)} stale")])
    raise typer.Exit(1 if complaints else 0)
