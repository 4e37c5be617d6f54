"""``costmodel size``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

from costmodel.cell.request import Request
from costmodel.errors import InputError
from costmodel.questions.fits import SIZES, Answer, fits
from costmodel.questions.size import Budget, Fit, Largest
from costmodel.questions.tradeoff import Configuration, frontier
from costmodel.sources.source import Source
from costmodel.terminal import declared
from costmodel.terminal.arguments import CellsArguments, Convention, PlotFile, takes_cells
from costmodel.terminal.console import print_json, working
from costmodel.terminal.declared import AsJson
from costmodel.terminal.render import AT_LEAST
from costmodel.terminal.tables import Block, Line, Row, Table, show
from costmodel.units import read_bytes, read_flops, work
from costmodel.units import size as bytes_text


@takes_cells
def size(
    cells: CellsArguments,
    memory: Annotated[
        list[str] | None,
        declared.Option(help="Largest peak, such as 64MiB or 1.5GB; may be given again.", show_default=False),
    ] = None,
    flops: Annotated[
        list[str] | None,
        declared.Option(
            help="Most FLOPs of a step after the first, such as 5G; may be given again.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    convention: Convention = "arithmetic",
    plot: PlotFile = None,
) -> None:
    """Say for each method whether it fits a budget, and the largest rank, batch and resolution that still fit.

    Each of the three is varied alone, the others stay as asked for. --plot draws the trade-off of memory and FLOPs.
    """
    if not memory and not flops and plot is None:
        raise InputError("which budget? give --memory, such as 64MiB, or --flops, such as 5G, or both")
    memories = [read_bytes("memory", text) for text in memory] if memory else [None]
    works = [read_flops("flops", text) for text in flops] if flops else [None]
    budgets = [Budget(*pair, convention) for pair in product(memories, works)]
    setups, left_out = cells.applicable()
    asked = cells.requests(setups)
    of: dict[str, list[tuple[Source, Request]]] = {}
    for setup, request in zip(setups, asked, strict=True):
        of.setdefault(setup.subject.name, []).append((Source(setup), request))
    with working() as say:
        found = fits(list(of.values()), budgets if memory or flops else (), say, left_out)
        drawn = {model: frontier(of[model], convention) for model in of} if plot is not None else {}
    if plot is not None:
        _draw(drawn, asked, budgets, plot)
    if as_json:
        print_json(found)
    else:
        blocks = [block for answer in found.answers for block in _blocks(answer)]
        blocks += [Line(f"{one}.") for one in found.left_out]
        show(blocks or [Line(f"the frontier is drawn in {plot}; give --memory or --flops to see what fits")])


def _blocks(answer: Answer) -> list[Block]:
    model, budget, fits = answer.model, answer.budget, answer.fits
    point = {axis: value for found in fits for axis, value in found.point.items()}
    sizes = ", ".join(f"{axis} = {value}" for axis, value in point.items())
    axes = list(dict.fromkeys(largest.axis for found in fits for largest in found.largest))
    axes.sort(key=list(SIZES).index)
    rows = []
    for found in fits:
        by_axis = {largest.axis: largest for largest in found.largest}
        limits = (_text(by_axis.get(axis)) for axis in axes)
        cost = found.cost
        verdict = "yes" if found.fits else "no"
        style = "" if found.fits else "dim"
        step = work(cost.step, at_least=cost.lower_bound)
        rows.append(Row((found.method, verdict, bytes_text(cost.peak), step, *limits), style))
    columns = ("method", "fits", "peak", "step", *(f"largest {SIZES[axis]}" for axis in axes))
    steps = {largest.step for found in fits for largest in found.largest if largest.axis == "side"} - {1}
    notes = [Line(f"Resolutions are multiples of {step}, where the cost has a closed form.") for step in sorted(steps)]
    method, reason = answer.advice
    advice = f"Take {method}: {reason}." if method else f"{reason[0].upper()}{reason[1:]}."
    return [
        Line(f"{model}: {sizes}; budget: {budget}", "bold"),
        Line(),
        Table(columns, tuple(rows), left=2),
        Line("Each largest value is taken alone, all else as in the first line."),
        *notes,
        *_unanswered(fits),
        *([Line(AT_LEAST)] if any(found.cost.lower_bound for found in fits) else []),
        Line(advice, "bold"),
        Line(),
    ]


def _unanswered(fits: Sequence[Fit]) -> list[Line]:
    """Say where a method has an axis along which its cost has no closed form."""
    lines = []
    for found in fits:
        has = {"N", *(("side",) if "H" in found.point else ()), *({"r", "S"} & found.point.keys())}
        missing = [SIZES[axis] for axis in SIZES if axis in has - {largest.axis for largest in found.largest}]
        if missing:
            lines.append(Line(f"{found.method}: no closed form in {', '.join(missing)}, so no largest value."))
    return lines


def _text(largest: Largest | None) -> str:
    if largest is None:
        return ""
    if largest.value is None:
        return "none"
    return "any" if largest.unlimited else f"{largest.value:,}"


def _draw(
    drawn: Mapping[str, Sequence[Configuration]], asked: Sequence[Request], budgets: Sequence[Budget], path: Path
) -> None:
    """Draw the frontier of each model; several models are told apart as methods are."""
    import pandas as pd

    from costmodel.output import plots

    peak, step = "peak memory", f"one step, {budgets[0].convention} convention"
    rows = []
    for model, configurations in drawn.items():
        for item in configurations:
            name = item.method if len(drawn) == 1 else f"{model} {item.method}"
            label = name if item.rank is None else f"{name} r={item.rank}"
            rows.append((name, label, item.cost.peak, item.cost.step, item.on_frontier))
    frame = pd.DataFrame(rows, columns=["method", "label", peak, step, "on_frontier"])
    points = [{axis: value for axis, value in request.numbers.items() if axis != "r"} for request in asked]
    sizes = ", ".join(f"{axis} = {value}" for axis, value in points[0].items() if all(p == points[0] for p in points))
    title = ": ".join(filter(None, [", ".join(drawn), sizes]))
    limits = [(budget.memory, budget.flops) for budget in budgets]
    plots.save(plots.frontier(frame, peak, step, "label", "on_frontier", title, limits), path)
