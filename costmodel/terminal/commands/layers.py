"""``costmodel layers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from costmodel.cell.words import title
from costmodel.contract import CONVENTIONS, PHASE_LABELS, PHASES, STEP_PHASES
from costmodel.options import positive
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellArguments, takes_cell
from costmodel.terminal.console import print_json, working
from costmodel.terminal.declared import AsJson
from costmodel.terminal.render import AT_LEAST
from costmodel.terminal.tables import Block, Line, Row, Table, show
from costmodel.units import size, work

if TYPE_CHECKING:
    from costmodel.questions.layers import LayerCost, Layers
_COLUMNS = ", ".join((*PHASES, "param", "grad", "saved"))


@takes_cell
def layers(
    cell: CellArguments,
    as_json: AsJson = False,
    depth: Annotated[
        str,
        declared.Option(help="Names of a path to show: 1 for the model's children, or all. Deeper ones are added up."),
    ] = "2",
    sort: Annotated[
        str | None, declared.Option(help=f"Largest first, by {_COLUMNS}; path for the model's order.")
    ] = None,
    tree: Annotated[
        bool | None,
        declared.Option(
            "--tree/--flat",
            help="A row for each module that includes all below it, or rows apart; apart where sorted.",
            show_default=False,
        ),
    ] = None,
    convention: Annotated[str, declared.Option(help=f"How to count FLOPs: {', '.join(CONVENTIONS)}.")] = "arithmetic",
) -> None:
    """Cost of each module: FLOPs of every phase, bytes of parameters, gradients and saved activations."""
    setup = cell.setup()
    asked = cell.request(setup)
    deepest = None if depth == "all" else positive("depth", depth)
    from costmodel.questions.layers import by_module

    with working() as say:
        found = by_module(
            setup, asked, cell.alias(setup), convention=convention, depth=deepest, sort=sort, tree=tree, say=say
        )
    if as_json:
        print_json(found)
    else:
        show(_blocks(found))


def _blocks(found: Layers) -> list[Block]:
    heading = f"{title(found.setup, found.point.values(), found.alias)}, {found.convention} FLOPs"
    remarks = [*_remarks(found.tree), *([AT_LEAST] if found.lower_bound else [])]
    return [Line(heading, "bold"), Line(), _table(found), Line(), *map(Line, remarks)]


def _table(found: Layers) -> Table:
    from costmodel.questions.layers import BYTES, depth_of

    def name(row: LayerCost) -> str:
        if not found.tree or not row.path:
            return row.name
        return "  " * (depth_of(row.path) - 1) + row.path.rpartition(".")[2]

    # Only GaLore's first step differs from the others.
    both = any(row.flops["optimizer_first"] != row.flops["optimizer"] for row in found)
    phases = PHASE_LABELS if both else dict(zip(STEP_PHASES, STEP_PHASES, strict=True))

    def cells(row: LayerCost, label: str, kind: str) -> tuple[str, ...]:
        flops = (work(row.flops[phase], at_least=found.lower_bound) for phase in phases)
        return (label, kind, *flops, *(size(row.value(c)) for c in BYTES))

    shown = [Row(cells(row, name(row), row.kind)) for row in found]
    shown.append(Row(cells(found.total, "total", ""), "bold", rule=True))
    return Table(("module", "kind", *phases.values(), *BYTES), tuple(shown), left=2)


def _remarks(nested: bool) -> list[str]:
    from costmodel.questions.layers import OUTSIDE

    rows = "A row includes all below it; those without a parent add up to the total." if nested else "Rows add up."
    return [
        f"{rows} {OUTSIDE}: the model's own forward, the loss, and what belongs to no module.",
        "saved: activations alive when the first forward pass ends; grad: gradients when they take most.",
    ]
