"""Tables and lines as data, printed plain into a pipe and with rich on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costmodel.terminal.console import visible

if TYPE_CHECKING:
    from rich.console import RenderableType


class Row(NamedTuple):
    """One row of a table.

    Attributes:
        cells: what stands in it, as text.
        style: rich's name of a style, for terminals.
        rule: whether a line, or a blank one in a pipe, sets it off from the row above.
    """

    cells: tuple[str, ...]
    style: str = ""
    rule: bool = False


class Table(NamedTuple):
    """Rows under named columns.

    Attributes:
        columns: their names.
        rows: each with a cell for each column.
        left: how many columns, from the first, are flush left; the others are numbers.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    left: int = 1


class Line(NamedTuple):
    """A line of text, of any length; empty for a blank one."""

    text: str = ""
    style: str = ""


Block = Table | Line


def show(blocks: Iterable[Block]) -> None:
    """Print to standard output: with rich where that is a terminal, else plain text without boxes or colours."""
    if not sys.stdout.isatty():
        print("\n".join(map(plain, blocks)))
        return
    from rich.console import Console

    console = Console()
    for block in blocks:
        console.print(_rich(_fitting(block, console.width)), soft_wrap=isinstance(block, Line))


def _fitting(block: Block, width: int) -> Block:
    """Turn a table that is too wide for a terminal, where that makes it fit: its rows become columns."""
    if isinstance(block, Line) or block.left > 1 or _width(block) <= width:
        return block
    turned = Table(
        (block.columns[0], *(row.cells[0] for row in block.rows)),
        tuple(
            Row((name, *(row.cells[at] for row in block.rows))) for at, name in enumerate(block.columns[1:], start=1)
        ),
    )
    return turned if _width(turned) <= width else block


def _width(table: Table) -> int:
    """Return how many characters a table is wide, two between columns."""
    lines = [table.columns, *(row.cells for row in table.rows)]
    return sum(max(map(len, column)) + 2 for column in zip(*lines, strict=True)) - 2


def plain(block: Block) -> str:
    """Write a block as plain text: columns two spaces apart, as wide as their widest cell, never cut."""
    if isinstance(block, Line):
        return visible(block.text)
    lines = [[*map(visible, cells)] for cells in (block.columns, *(row.cells for row in block.rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def write(cells: Sequence[str]) -> str:
        placed = [
            cell.ljust(width) if at < block.left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(placed).rstrip()

    head, *body = map(write, lines)
    return "\n".join([head, *(("\n" if row.rule else "") + text for row, text in zip(block.rows, body, strict=True))])


def _rich(block: Block) -> RenderableType:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if isinstance(block, Line):
        return Text(visible(block.text), style=block.style)
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, column in enumerate(block.columns):
        table.add_column(column, justify="left" if at < block.left else "right", overflow="fold")
    for row in block.rows:
        if row.rule:
            table.add_section()
        table.add_row(*(Text(visible(cell)) for cell in row.cells), style=row.style or None)
    return table
