"""``costmodel drift``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from costmodel.errors import InputError
from costmodel.terminal.console import print_json
from costmodel.terminal.declared import AsJson
from costmodel.terminal.tables import show


def drift(
    old: Annotated[Path, typer.Argument(help="The journal of a suite, NAME.jsonl.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="Another one, of later versions.", show_default=False)],
    tolerance: Annotated[
        str, typer.Option(help="Relative change up to which an estimate is the same; exact numbers have none.")
    ] = "5%",
    as_json: AsJson = False,
) -> None:
    """Compare two result files, number by number: what a new release of torch changes.

    Of each cell the last record counts. Exit status 0 when nothing has changed, 1 when something has.
    """
    from validate.suites.drift import compare, load

    found = compare(load(old), load(new), _share(tolerance))
    if as_json:
        print_json(found)
    else:
        from validate.commands.blocks import drift_blocks

        show(drift_blocks(found))
    raise typer.Exit(0 if found.same else 1)


def _share(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*%", text.strip(), re.ASCII)
    if match is None:
        raise InputError(f"--tolerance {text}: expected a percentage, such as 5%")
    return float(match[1]) / 100
