"""``costmodel sweep``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from costmodel.cell import ranges
from costmodel.cell.axes import spelled
from costmodel.contract import AXES
from costmodel.errors import InputError, unknown
from costmodel.results import LeftOut
from costmodel.sources.source import Source
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellsArguments, PlotFile, takes_cells
from costmodel.terminal.console import note, print_json, progress
from costmodel.terminal.declared import AsJson
from costmodel.terminal.render import AT_LEAST
from costmodel.terminal.tables import Row, Table, show
from costmodel.units import size, work

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.questions.sweep import Chunk, Grid

MOST_SHOWN = 100
"""Points that are printed as a table, where no file is asked for."""

MOST_DRAWN = 100_000
"""Points that are drawn, or printed as one JSON object."""

_SHOWN = ("memory.peak", "memory.sum_of_group_peaks", "flops.arithmetic.forward", "flops.arithmetic.backward")


@takes_cells
def sweep(
    cells: CellsArguments,
    output: Annotated[
        Path | None,
        declared.Option("--output -o", help="File to write: .csv, .parquet or .jsonl.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    plot: PlotFile = None,
    quantity: Annotated[
        str, declared.Option(help="What --plot draws: a column of the output, such as memory.act.")
    ] = "memory.peak",
) -> None:
    """Evaluate ranges of rank, resolution, height, width, batch and length: 8, 1:64, 96:256:32 or 1,2,4, ends included.

    Every method, and every model, is evaluated at every combination, in chunks: memory does not grow with their number.
    """
    from costmodel.questions import frames
    from costmodel.questions.sweep import COLUMNS

    if quantity not in COLUMNS:
        raise unknown("quantity", quantity, COLUMNS)
    grids, left_out = _grids(cells)
    total = sum(map(len, grids))
    limit = MOST_SHOWN if plot is None and not as_json else MOST_DRAWN
    kept = output is not None and plot is None and not as_json
    if total > limit and not kept:
        only = "give --output FILE alone" if output else "give --output FILE"
        raise InputError(f"{total:,} points: up to {limit:,} are shown; {only}, or a step as in 1:64:8")
    with ExitStack() as opened:
        append = opened.enter_context(frames.writer(output)) if output is not None else None
        say = opened.enter_context(progress())

        def write(chunk: Chunk) -> None:
            if append is not None:
                append(frames.rows(chunk))

        found = frames.gathered(grids, say, write, keep=not kept, left_out=left_out)
    if plot is not None:
        _draw(found.to_frame(), quantity, plot)
    if any(chunk.lower_bound for chunk in found.chunks):
        note(AT_LEAST)
    for missing in (*found.left_out, *found.refusals):
        note(str(missing))
    if output is not None:
        note(f"{len(found):,} points written to {output}")
    if as_json:
        print_json(found)
    elif output is None and total <= MOST_SHOWN:
        show([_table(found.to_frame())])
    elif output is None:
        note(f"{total:,} points drawn in {plot}; --output FILE or --json has their numbers")


def _grids(cells: CellsArguments) -> tuple[list[Grid], tuple[LeftOut, ...]]:
    from costmodel.questions.sweep import grid_of

    values = {name: ranges.read(name, text) for name, text in spelled(cells.cell.sizes).items()}
    asked: dict[str, Any] = {name: ranges.stand_in(name, found) for name, found in values.items()}
    probe = cells._replace(cell=cells.cell.but(**asked))
    setups, left_out = probe.applicable()
    cells.check_rank(setups)
    probe.requests(setups)
    return [grid_of(Source(setup), values) for setup in setups], left_out


def _draw(frame: pd.DataFrame, quantity: str, path: Path) -> None:
    from costmodel.output import plots

    ranged = [axis for axis in AXES if frame[axis].nunique() > 1]
    if not ranged:
        raise InputError("--plot: one point is no curve; give a range, such as --batch 1:64")
    if {"H", "W"} <= {*ranged} and frame["H"].equals(frame["W"]):
        frame = frame.rename(columns={"H": "H = W"})
        ranged = ["H = W" if axis == "H" else axis for axis in ranged if axis != "W"]
    x = max(ranged, key=lambda axis: frame[axis].nunique())
    names = [name for name in ("model", "method") if frame[name].nunique() > 1]
    held = [axis for axis in AXES if axis in frame and frame[axis].nunique() == 1]
    sizes = ", ".join(f"{axis} = {frame[axis].dropna().iloc[0]}" for axis in held if axis not in ranged)
    cell = ", ".join(frame[name].iloc[0] for name in ("model", "method") if name not in names)
    lines = [*names, *(axis for axis in ranged if axis != x)]
    unit: Literal["bytes", "FLOP"] = "bytes" if quantity.startswith("memory") else "FLOP"
    plots.save(plots.curves(frame, x, quantity, unit, lines, ": ".join(filter(None, [cell, sizes]))), path)


def _table(frame: pd.DataFrame) -> Table:
    from pandas import isna

    axes = [axis for axis in AXES if frame[axis].notna().any()]
    rows = []
    for _, point in frame.iterrows():
        sizes = ["" if isna(point[axis]) else str(point[axis]) for axis in axes]
        bound = bool(point["lower_bound"])
        costs = [
            size(int(point[name])) if name.startswith("memory") else work(int(point[name]), at_least=bound)
            for name in _SHOWN
        ]
        rows.append(Row((point["model"], point["method"], *sizes, *costs)))
    return Table(("model", "method", *axes, *_SHOWN), tuple(rows), left=2)
