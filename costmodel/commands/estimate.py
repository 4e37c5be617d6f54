"""``costmodel estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.api import answer
from costmodel.arguments import AsJson, CellArguments, takes_cell
from costmodel.console import print_json, progress, working
from costmodel.source import Source

if TYPE_CHECKING:
    from costmodel.contract import Point
    from costmodel.request import Request
    from costmodel.seconds.answer import Seconds
    from costmodel.setup import Setup


@takes_cell
def estimate(
    cell: CellArguments,
    as_json: AsJson = False,
    formulas: Annotated[bool, typer.Option("--formulas", help="Print the closed forms too.")] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Estimate its time too; measures this host the first time, for a minute."),
    ] = False,
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="The same, and measure this host again.")] = False,
) -> None:
    """Estimate one fine-tuning step, without running it. A name instead of a number keeps that size symbolic."""
    setup = cell.setup()
    asked = cell.request(setup)
    timed_at = _checked(setup, asked) if calibrate or recalibrate else None
    with working() as say:
        found = answer(Source(setup), asked, cell.alias(setup), lambda: say(f"tracing {setup.label}"))
    time = _time(setup, timed_at, recalibrate) if timed_at else None
    if as_json:
        print_json(found.to_dict() | ({"time": time.to_dict()} if time else {}))
        return
    from costmodel.render import estimate_blocks
    from costmodel.tables import show

    show([*estimate_blocks(found, formulas), *(time.blocks if time else ())])


def _checked(setup: Setup, asked: Request) -> Point:
    """Refuse what no time can be estimated for, before anything is worked out."""
    from costmodel.seconds.answer import check

    return check(setup, asked)


def _time(setup: Setup, point: Point, again: bool) -> Seconds:
    """Estimate the seconds at the rates of this host, with as many threads as torch uses."""
    import torch

    from costmodel.seconds.answer import seconds_of
    from validate.calibrate import calibrate, calibrated

    number = torch.get_num_threads()
    with progress() as say:
        host = calibrate(number, say) if again else calibrated(number, say)
    return seconds_of(setup, point, host)
