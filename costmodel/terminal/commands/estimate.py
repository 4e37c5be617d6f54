"""``costmodel estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from costmodel.cell.request import numbers_only
from costmodel.cell.training import require_float32
from costmodel.questions.estimate import answer
from costmodel.sources.source import Source
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellArguments, takes_cell
from costmodel.terminal.commands import calibrator
from costmodel.terminal.console import print_json, progress, working
from costmodel.terminal.declared import AsJson

if TYPE_CHECKING:
    from costmodel.cell.request import Request
    from costmodel.cell.setup import Setup
    from costmodel.contract import Point
    from costmodel.machine.resident import ResidentEstimate
    from costmodel.machine.seconds.answer import Seconds


@takes_cell
def estimate(
    cell: CellArguments,
    as_json: AsJson = False,
    formulas: Annotated[bool, declared.Option("--formulas", help="Print the closed forms too.")] = False,
    process: Annotated[
        bool,
        declared.Option("--process", help="Estimate the process's resident memory too: workspaces, code, allocator."),
    ] = False,
    calibrate: Annotated[
        bool,
        declared.Option("--calibrate", help="Estimate its time too; measures this host the first time, for a minute."),
    ] = False,
    recalibrate: Annotated[
        bool, declared.Option("--recalibrate", help="The same, and measure this host again.")
    ] = False,
) -> None:
    """Estimate one fine-tuning step, without running it. A name instead of a number keeps that size symbolic."""
    setup = cell.setup()
    asked = cell.request(setup)
    traced_at = _checked(setup, asked, process) if process or calibrate or recalibrate else None
    with working() as say:
        found = answer(Source(setup), asked, cell.alias(setup), lambda: say(f"tracing {setup.label}"))
    held = _resident(setup, traced_at) if traced_at and process else None
    time = _time(setup, traced_at, recalibrate) if traced_at and (calibrate or recalibrate) else None
    if as_json:
        from costmodel.questions.on_host import OnHost

        print_json(OnHost(found, held, time))
        return
    from costmodel.terminal.render import estimate_blocks, resident_blocks, seconds_blocks
    from costmodel.terminal.tables import show

    blocks = estimate_blocks(found, formulas)
    show([*blocks, *(resident_blocks(held) if held else ()), *(seconds_blocks(time) if time else ())])


def _checked(setup: Setup, asked: Request, process: bool) -> Point:
    """Refuse what cannot be estimated for a process or a clock, before anything is worked out."""
    require_float32(setup.training, "--process is" if process else "--calibrate is")
    return numbers_only(asked, "a process and its seconds are estimated at one point")


def _resident(setup: Setup, point: Point) -> ResidentEstimate:
    """Estimate what a process of its own would hold, on one thread."""
    from costmodel.machine.resident import resident
    from costmodel.machine.workspaces import this_host
    from costmodel.tracing.step import record_step

    return resident(record_step(setup, point), this_host())


def _time(setup: Setup, point: Point, again: bool) -> Seconds:
    """Estimate the seconds at the rates of this host, with as many threads as torch uses."""
    import torch

    from costmodel.machine.seconds.answer import seconds_of

    number = torch.get_num_threads()
    with progress() as say:
        measured = calibrator()
        host = measured.calibrate(number, say) if again else measured.calibrated(number, say)
    return seconds_of(setup, point, host)
