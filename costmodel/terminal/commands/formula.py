"""``costmodel formula``."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from costmodel.cell.axes import AXIS, RESOLUTION
from costmodel.cell.request import Request
from costmodel.cell.setup import Setup
from costmodel.contract import SIDES
from costmodel.errors import InputError, LiftError, unknown
from costmodel.files import write_whole
from costmodel.output.export import FORMATS, SELECTIONS, ClosedForms
from costmodel.questions.estimate import answer
from costmodel.sources.partition import formulas
from costmodel.sources.source import Source
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellArguments, CellsArguments, takes_cells
from costmodel.terminal.console import working
from costmodel.terminal.render import heading

BATCH = AXIS["N"].example
"""The batch stays symbolic here where it is left out."""


def _symbolic_batch(command: Callable[..., None]) -> Callable[..., None]:
    """Let the batch stay symbolic where it is left out; the other sizes have no default of their own."""
    seen = [
        parameter.replace(default=BATCH) if parameter.name == "batch" else parameter
        for parameter in declared.parameters_of(command)
    ]
    return declared.taking(seen, command)


@_symbolic_batch
@takes_cells
def formula(
    cells: CellsArguments,
    form: Annotated[
        str | None, declared.Option("--format", help=f"{', '.join(FORMATS)} (text if left out).", show_default=False)
    ] = None,
    as_json: Annotated[bool, declared.Option("--json", help="The same as --format json.")] = False,
    quantity: Annotated[str, declared.Option(help=f"Which numbers: {', '.join(SELECTIONS)}.")] = "all",
    standalone: Annotated[bool, declared.Option("--standalone", help="LaTeX: a document, not a fragment.")] = False,
    output: Annotated[Path | None, declared.Option(help="A file to write to.", show_default=False)] = None,
) -> None:
    """Write the closed forms. What is left out stays symbolic, in N, H, W and r; a number fixes it."""
    if as_json and form not in (None, "json"):
        raise InputError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form or "text"
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if quantity not in SELECTIONS:
        raise unknown("quantity", quantity, SELECTIONS)
    if standalone and form != "latex":
        raise InputError(f"--standalone: only LaTeX has documents, not {form}; add --format latex")
    setups = cells.setups()
    cells.check_rank(setups)
    command = _command(cells, form, quantity)
    with working() as say:
        forms = [_closed_forms(cells, setup, command, partial(say, f"tracing {setup.label}")) for setup in setups]
    text = FORMATS[form](forms, SELECTIONS[quantity])
    if standalone:
        from costmodel.output.export.latex import document

        text = document(text)
    if output is None:
        print(text, end="")
    else:
        write_whole(output, text)


def _closed_forms(cells: CellsArguments, setup: Setup, command: str, tracing: Callable[[], None]) -> ClosedForms:
    source = Source(setup)

    def closed(asked: Request) -> ClosedForms:
        first = answer(source, asked, cells.alias(setup), tracing)
        name = f"{setup.subject.name} {setup.method.name}"
        return ClosedForms(name, formulas(source, asked, tracing), heading(first), first.versions, command)

    *wider, narrowest = _requests(cells.cell, setup)
    for asked in wider:
        with suppress(InputError, LiftError):
            return closed(asked)
    return closed(narrowest)


def _requests(cell: CellArguments, setup: Setup) -> Iterator[Request]:
    """Yield what is asked for: every size symbolic that is left out, else the sides that the model has by default."""
    rank = cell.typed.get("rank", AXIS["r"].example) if setup.method.ranked else None
    asked = cell.but(rank=rank)
    if symbols := _sides(cell, setup):
        yield asked.but(**symbols).request(setup)
    if not symbols or not {AXIS[axis].option for axis in SIDES} & cell.typed.keys():
        yield asked.request(setup)


def _sides(cell: CellArguments, setup: Setup) -> dict[str, Any]:
    """Name the sides that are left out, as far as the model leaves a choice."""
    axes, lattice = setup.subject.inputs.axes, setup.subject.lattice
    options = {axis: AXIS[axis].option for axis in axes}
    if lattice.only or RESOLUTION.option in cell.typed:
        return {}
    if lattice.square:
        return {} if {*options.values()} & cell.typed.keys() else {RESOLUTION.option: "H"}
    return {option: axis for axis, option in options.items() if option not in cell.typed}


def _command(cells: CellsArguments, form: str, quantity: str) -> str:
    """Write the command line that asks for the same, without where to write it."""
    words = ["costmodel", "formula", *cells.models]
    for name in cells.methods:
        words += ["--method", name]
    batch = cells.cell.typed.get("batch", str(AXIS["N"].default))
    words += cells.cell.but(batch=None if batch == BATCH else batch).words
    words += ["--format", form] if form != "text" else []
    words += ["--quantity", quantity] if quantity != "all" else []
    return shlex.join(words)
