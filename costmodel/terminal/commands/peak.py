"""``costmodel peak``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from costmodel.cell.words import title
from costmodel.contract import Point
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellArguments, PlotFile, takes_cell
from costmodel.terminal.console import print_json, working
from costmodel.terminal.declared import AsJson
from costmodel.terminal.tables import Block, Line, Row, Table, show
from costmodel.units import size

if TYPE_CHECKING:
    from costmodel.questions.explained import Explanation
    from costmodel.questions.peak import LiveTensor, Peak, Timeline
    from costmodel.questions.scan import Stretch
    from costmodel.questions.winners import Around

_MODULES = 10
"""So many modules have a row of their own in the table; the JSON has all."""


@takes_cell
def peak(
    cell: CellArguments,
    as_json: AsJson = False,
    top: Annotated[int, declared.Option(min=0, help="How many of the largest tensors to list.")] = 10,
    where: Annotated[
        bool,
        declared.Option(
            "--where/--no-where", help="Which instant is the peak at other batches and sides; needs formulas."
        ),
    ] = True,
    plot: PlotFile = None,
) -> None:
    """Why the peak is where it is: the instant, what is alive then, and which instant is the peak elsewhere."""
    setup = cell.setup()
    asked = cell.request(setup)
    from costmodel.questions.explained import explained

    with working() as say:
        found = explained(setup, asked, cell.alias(setup), top=top, where=where, say=say)
    if plot is not None:
        _draw(plot, found.timeline, _heading(found))
    if as_json:
        print_json(found)
    else:
        show(_blocks(found))


def _heading(found: Explanation) -> str:
    return title(found.setup, found.point.values(), found.alias)


def _draw(path: Path, over_time: Timeline, heading: str) -> None:
    from costmodel.output import plots

    phases = [(f"step {phase.step} {phase.label}", phase.start, phase.end) for phase in over_time.phases]
    plots.save(plots.timeline(over_time.groups, phases, heading), path)


def _blocks(found: Explanation) -> list[Block]:
    instants = found.timeline.phases[-1].end
    blocks: list[Block] = [Line(_heading(found), "bold"), Line(), *_explained(found.peak, instants)]
    if found.elsewhere is not None:
        blocks += [Line(), *_where(found.elsewhere, found.point)]
    elif found.unknown:
        blocks += [Line(), Line(found.unknown)]
    return blocks


# -- the point itself ----------------------------------------------------------------------------------------------


def _explained(found: Peak, instants: int) -> list[Block]:
    groups = [
        Row((group, size(value), f"{value:,}", f"{100 * value / found.bytes:.1f} %"))
        for group, value in found.by_group.items()
    ]
    groups.append(Row(("peak", size(found.bytes), f"{found.bytes:,}", ""), "bold", rule=True))
    tensors = [
        Row((_name(tensor), tensor.module, tensor.group, _shape(tensor), tensor.dtype, f"{tensor.nbytes:,}"))
        for tensor in found.largest
    ]
    blocks: list[Block] = [
        Line(
            f"peak {size(found.bytes)} at {found.instant} (operator {found.instant.index + 1:,} of {instants:,})",
            "bold",
        ),
        Line(),
        Table(("group", "alive then", "bytes", ""), tuple(groups)),
        Line(),
        Table(("module", "alive then", "bytes"), tuple(_modules(found.by_module))),
    ]
    if tensors:
        columns = ("largest tensors", "module", "group", "shape", "dtype", "bytes")
        blocks += [Line(), Table(columns, tuple(tensors), left=5)]
    return blocks


def _modules(by_module: Mapping[str, int]) -> Iterable[Row]:
    shown = list(by_module.items())[:_MODULES]
    for path, nbytes in shown:
        yield Row((path or "(step)", size(nbytes), f"{nbytes:,}"))
    if rest := sum(by_module.values()) - sum(nbytes for _, nbytes in shown):
        yield Row((f"{len(by_module) - len(shown)} others", size(rest), f"{rest:,}"))


def _name(tensor: LiveTensor) -> str:
    """Name a tensor by what it is or belongs to, and by the operator that made it."""
    owned = {"grad": f"gradient of {tensor.name}", "opt": f"{tensor.operator} for {tensor.name}".lstrip()}
    return owned.get(tensor.group, tensor.name) if tensor.name else f"output of {tensor.operator}"


def _shape(tensor: LiveTensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


# -- elsewhere -----------------------------------------------------------------------------------------------------


def _letters(others: Around) -> dict[int, str]:
    """Name the terms by letters in the order in which they are shown, terms of one instant by one; AA comes after Z."""
    terms = dict.fromkeys([stretch.term for stretch in others.stretches] + [int(t) for t in others.map.flat if t >= 0])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    named: dict[str, str] = {}
    letters: dict[int, str] = {}
    for term in terms:
        at = len(named)
        letter = (alphabet[at // 26 - 1] if at >= 26 else "") + alphabet[at % 26]
        letters[term] = named.setdefault(_when(others, term), letter)
    return letters


def _when(others: Around, term: int) -> str:
    """Say when a term is reached; the instants of two formulas differ in number, not in name."""
    return str(others.instants.get(term) or f"term {term + 1}, not traced")


def _where(others: Around, point: Point) -> list[Block]:
    letters = _letters(others)
    rows: list[Row] = []
    for before, stretch in zip((None, *others.stretches), others.stretches, strict=False):
        text = "" if stretch.sizes else stretch.text  # along a side, the definitions of its sizes would be needed too
        cells = (_range(stretch), letters[stretch.term], _when(others, stretch.term), text)
        rows.append(Row(cells, rule=before is not None and before.axis != stretch.axis))
    held = ", ".join(f"{axis} = {value}" for axis, value in point.values().items())
    blocks: list[Block] = [
        Line(f"Which instant is the peak where, one size changing at a time from {held}", "bold"),
        Table(("size", "", "instant of the peak", "bytes"), tuple(rows), left=4),
    ]
    if len({letters[int(term)] for term in others.map.flat if term >= 0}) > 1:
        blocks += [Line(), *_map(others, letters, "H = W" if point.S is None else "S")]
    return blocks


def _range(stretch: Stretch) -> str:
    every = f", multiples of {stretch.every}" if stretch.every > 1 else ""
    if stretch.last is None:
        return f"{stretch.axis} >= {stretch.first}{every}"
    if stretch.last == stretch.first:
        return f"{stretch.axis} = {stretch.first}"
    to = " and perhaps on" if stretch.cut else ""
    return f"{stretch.axis} = {stretch.first} .. {stretch.last}{every}{to}"


def _map(others: Around, letters: Mapping[int, str], sides: str) -> list[Block]:
    rows = [
        Row((str(side), *("." if term < 0 else letters[int(term)] for term in row)))
        for side, row in zip(others.sides, others.map, strict=True)
    ]
    listed = {letters[stretch.term] for stretch in others.stretches}
    new = {letter: _when(others, term) for term, letter in letters.items() if letter not in listed}
    return [
        Line(f"The same for batches N (columns) and {sides} (rows)", "bold"),
        Table(("", *(f"N={batch}" for batch in others.batches)), tuple(rows)),
        *(Line(f"{letter}: {when}") for letter, when in new.items()),
    ]
