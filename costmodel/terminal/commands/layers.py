"""``costmodel layers``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cell.request import numbers_only
from costmodel.cell.words import described, title
from costmodel.contract import CONVENTIONS, PHASES
from costmodel.errors import unknown
from costmodel.options import positive
from costmodel.terminal.arguments import AsJson, CellArguments, takes_cell
from costmodel.terminal.console import print_json, working
from costmodel.terminal.tables import Line, Row, Table, show
from costmodel.units import size, work

if TYPE_CHECKING:
    from costmodel.questions.layers import LayerCost

_BYTES = ("param", "grad", "saved")
_SORTED_BY = ("path", *PHASES, *_BYTES)


@takes_cell
def layers(
    cell: CellArguments,
    as_json: AsJson = False,
    depth: Annotated[
        str, typer.Option(help="Names of a path to show: 1 for the model's children, or all. Deeper ones are added up.")
    ] = "2",
    sort: Annotated[
        str | None, typer.Option(help=f"Largest first, by {', '.join(_SORTED_BY[1:])}; path for the model's order.")
    ] = None,
    tree: Annotated[
        bool | None,
        typer.Option(
            "--tree/--flat",
            help="A row for each module that includes all below it, or rows apart; apart where sorted.",
            show_default=False,
        ),
    ] = None,
    convention: Annotated[str, typer.Option(help=f"How to count FLOPs: {', '.join(CONVENTIONS)}.")] = "arithmetic",
) -> None:
    """Cost of each module: FLOPs of every phase, bytes of parameters, gradients and saved activations."""
    setup = cell.setup()
    point = numbers_only(cell.request(setup), "modules are looked at at one point")
    deepest = None if depth == "all" else positive("depth", depth)
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    if sort is not None and sort not in _SORTED_BY:
        raise unknown("column", sort, _SORTED_BY)
    nested = sort is None if tree is None else tree
    from costmodel.questions import layers as engine
    from costmodel.tracing.step import record_step

    with working() as say:
        say(f"tracing {setup.label}")
        record = record_step(setup, point)
        own = engine.layers(record, convention)
    rows = (engine.rolled if nested else engine.folded)(own, deepest, record.modules)
    if sort is not None and sort != "path":
        key = _value(sort)
        rows = tuple(engine.in_order(rows, key) if nested else sorted(rows, key=key, reverse=True))
    whole = engine.total(own)
    if as_json:
        head = {"schema": "costmodel.layers/1", **described(setup, cell.alias(setup)), "point": point.values()}
        shape = {"convention": convention, "depth": deepest, "tree": nested, "sort": sort}
        print_json({**head, **shape, "modules": [_plain(row) for row in rows], "total": _plain(whole)})
        return
    heading = Line(f"{title(setup, point.values(), cell.alias(setup))}, {convention} FLOPs", "bold")
    show([heading, Line(), _table(rows, whole, nested), Line(), *map(Line, _remarks(nested))])


def _value(column: str) -> Callable[[LayerCost], int]:
    def value(row: LayerCost) -> int:
        return row.flops[column] if column in PHASES else int(getattr(row, column))

    return value


def _plain(row: LayerCost) -> dict[str, Any]:
    return {
        "path": row.path,
        "kind": row.kind,
        "flops": dict(row.flops),
        **{column: getattr(row, column) for column in _BYTES},
    }


def _table(rows: Iterable[LayerCost], whole: LayerCost, nested: bool) -> Table:
    from costmodel.questions.layers import depth_of

    def name(row: LayerCost) -> str:
        if not nested or not row.path:
            return row.name
        return "  " * (depth_of(row.path) - 1) + row.path.rpartition(".")[2]

    rows = list(rows)
    # Only GaLore's first step differs from the others.
    both = any(row.flops["optimizer_first"] != row.flops["optimizer"] for row in rows)
    phases = {"forward": "forward", "backward": "backward", "optimizer": "optimizer, later" if both else "optimizer"}
    if both:
        phases = {"forward": "forward", "backward": "backward", "optimizer_first": "optimizer, step 0", **phases}

    def cells(row: LayerCost, label: str, kind: str) -> tuple[str, ...]:
        return (label, kind, *(work(row.flops[phase]) for phase in phases), *(size(_value(c)(row)) for c in _BYTES))

    shown = [Row(cells(row, name(row), row.kind)) for row in rows]
    shown.append(Row(cells(whole, "total", ""), "bold", rule=True))
    return Table(("module", "kind", *phases.values(), *_BYTES), tuple(shown), left=2)


def _remarks(nested: bool) -> list[str]:
    from costmodel.questions.layers import OUTSIDE

    rows = "A row includes all below it; those without a parent add up to the total." if nested else "Rows add up."
    return [
        f"{rows} {OUTSIDE}: the model's own forward, the loss, and what belongs to no module.",
        "saved: activations alive when the first forward pass ends; grad: gradients when they take most.",
    ]
