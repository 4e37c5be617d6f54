"""``costmodel compare``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from costmodel.contract import GROUPS, PHASE_LABELS, STEP_PHASES
from costmodel.methods import REFERENCE
from costmodel.questions.compare import Comparison, Side
from costmodel.questions.compare import compare as compared
from costmodel.sources.source import Source
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellsArguments, Convention, PlotFile, takes_cells
from costmodel.terminal.console import print_json, working
from costmodel.terminal.declared import AsJson
from costmodel.terminal.render import AT_LEAST
from costmodel.terminal.tables import Block, Line, Row, Table, show
from costmodel.units import size, work


class Figure(StrEnum):
    """What the bars of a figure show."""

    MEMORY = "memory"
    FLOPS = "flops"


@takes_cells
def compare(
    cells: CellsArguments,
    as_json: AsJson = False,
    convention: Convention = "arithmetic",
    plot: PlotFile = None,
    figure: Annotated[Figure, declared.Option(help="What --plot draws.")] = Figure.MEMORY,
) -> None:
    """Put methods and models side by side: memory groups, FLOPs of each phase, and ratios to full fine-tuning."""
    setups, left_out = cells.applicable()
    asked = [
        (Source(setup), request, cells.alias(setup))
        for setup, request in zip(setups, cells.requests(setups), strict=True)
    ]
    with working() as say:
        found = compared(asked, convention, say=say, left_out=left_out)
    if plot is not None:
        _draw(found, figure, plot)
    if as_json:
        print_json(found)
    else:
        show(_blocks(found))


def _draw(sides: Comparison, figure: Figure, path: Path) -> None:
    from costmodel.output import plots

    models = {model: [side for side in sides if side.estimate.model == model] for model in _models(sides)}
    points = {_point(chosen) for chosen in models.values()}
    title = points.pop() if len(points) == 1 else ""
    of = {
        model if title else f"{model}: {_point(chosen)}": {side.estimate.method: side.estimate for side in chosen}
        for model, chosen in models.items()
    }
    if figure is Figure.MEMORY:
        groups = {m: {k: e.memory["groups"] for k, e in methods.items()} for m, methods in of.items()}
        peaks = {m: {k: e.memory["peak"] for k, e in methods.items()} for m, methods in of.items()}
        drawn = plots.memory_bars(groups, peaks, title)
    else:
        convention = sides.convention
        phases = {
            model: {
                name: {phase: found.flops[convention][phase] for phase in STEP_PHASES}
                for name, found in methods.items()
            }
            for model, methods in of.items()
        }
        drawn = plots.flops_bars(phases, convention, title)
    plots.save(drawn, path)


def _models(sides: Sequence[Side]) -> list[str]:
    return list(dict.fromkeys(side.estimate.model for side in sides))


def _blocks(sides: Comparison) -> list[Block]:
    blocks: list[Block] = []
    for model in _models(sides):
        chosen = [side for side in sides if side.estimate.model == model]
        blocks += [Line(_heading(chosen), "bold"), Line(), _memory(chosen), Line(), _flops(chosen), Line()]
    blocks += [Line(f"{one}.") for one in sides.left_out]
    blocks += [Line(AT_LEAST)] if any(side.lower_bound for side in sides) else []
    blocks.append(Line(f"Of a method's row, 'of {REFERENCE}' is the share of what full fine-tuning takes. {_LEGEND}"))
    return blocks


_SHARE = f"of {REFERENCE}"
_LEGEND = (
    "sum: of the groups' own peaks (the paper's total); peak: what has to fit in RAM. "
    "step: forward, backward and a later optimizer step; step 0 has the first optimizer step, GaLore's SVD included."
)


def _heading(sides: Sequence[Side]) -> str:
    first = sides[0].estimate
    alias = f" ({first.alias})" if first.alias else ""
    return f"{first.model}{alias}: {_point(sides)}"


def _point(sides: Sequence[Side]) -> str:
    """Say what the methods of one model have in common."""
    first = sides[0].estimate
    points = {axis: value for side in sides for axis, value in side.estimate.point.items() if value is not None}
    sizes = ", ".join(f"{axis} = {value}" for axis, value in points.items())
    classes = f", {first.classes} classes" if first.classes else ""
    told = f", {first.setup.training.label}" if first.setup.training.label else ""
    return f"{sizes}{classes}, loss {first.loss}{told}"


def _memory(sides: Sequence[Side]) -> Table:
    rows = [
        Row(
            (
                side.estimate.method,
                *(size(side.estimate.memory["groups"][group]) for group in GROUPS),
                size(side.estimate.memory["sum_of_group_peaks"]),
                _share(side.ratios["sum_of_group_peaks"]),
                size(side.estimate.memory["peak"]),
                _share(side.ratios["peak"]),
            )
        )
        for side in sides
    ]
    return Table(("Memory", *GROUPS, "sum", _SHARE, "peak", _SHARE), tuple(rows))


def _flops(sides: Sequence[Side]) -> Table:
    rows = [
        Row(
            (
                side.estimate.method,
                *(
                    work(side.estimate.flops[side.convention][phase], at_least=side.lower_bound)
                    for phase in PHASE_LABELS
                ),
                work(side.step, at_least=side.lower_bound),
                _share(side.ratios["step"]),
                _share(side.ratios["first_step"]),
            )
        )
        for side in sides
    ]
    phases = PHASE_LABELS.values()
    return Table((f"FLOPs, {sides[0].convention}", *phases, "step", _SHARE, f"step 0 {_SHARE}"), tuple(rows))


def _share(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1%}"
