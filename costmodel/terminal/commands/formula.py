"""``costmodel formula``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from costmodel.errors import InputError
from costmodel.files import write_whole
from costmodel.output.export import FORMAT, FORMATS, QUANTITY, SELECTIONS, Formulas
from costmodel.questions.forms import BATCH, closed_forms, command_line
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellsArguments, takes_cells
from costmodel.terminal.console import note, working


def _symbolic_batch(command: Callable[..., None]) -> Callable[..., None]:
    """Let the batch stay symbolic where it is left out; the other sizes have no default of their own."""
    seen = [
        parameter.replace(default=BATCH.example) if parameter.name == BATCH.option else parameter
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
    FORMAT.check(f"--format {form}", form)
    QUANTITY.check(f"--quantity {quantity}", quantity)
    if standalone and form != "latex":
        raise InputError(f"--standalone: only LaTeX has documents, not {form}; add --format latex")
    setups, left_out = cells.applicable()
    cells.check_rank(setups)
    sizes = {BATCH.option: str(BATCH.default), **cells.cell.sizes}
    told = [*cells.cell.told.words, *cells.cell.options.words, *cells.cell.training.words]
    command = command_line(cells.models, cells.methods, sizes, told, quantity, form)
    with working() as say:
        found = [
            closed_forms(setup, sizes, cells.alias(setup), command, partial(say, f"tracing {setup.label}"))
            for setup in setups
        ]
    for one in left_out:
        note(str(one))
    text = Formulas(tuple(found), SELECTIONS[quantity], left_out).text(form)
    if standalone:
        from costmodel.output.export.latex import document

        text = document(text)
    if output is None:
        print(text, end="")
    else:
        write_whole(output, text)
