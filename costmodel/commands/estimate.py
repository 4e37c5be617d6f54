"""``costmodel estimate``."""

from __future__ import annotations

from typing import Annotated

import typer

from costmodel.api import answer
from costmodel.arguments import AsJson, CellArguments, takes_cell
from costmodel.console import working
from costmodel.source import Source


@takes_cell
def estimate(
    cell: CellArguments,
    as_json: AsJson = False,
    formulas: Annotated[bool, typer.Option("--formulas", help="Print the closed forms too.")] = False,
) -> None:
    """Estimate one fine-tuning step, without running it. A name instead of a number keeps that size symbolic."""
    setup = cell.setup()
    asked = cell.request(setup)
    with working() as say:
        found = answer(Source(setup), asked, cell.alias(setup), lambda: say(f"tracing {setup.label}"))
    if as_json:
        print(found.to_json())
        return
    from costmodel.render import estimate_blocks
    from costmodel.tables import show

    show(estimate_blocks(found, formulas))
