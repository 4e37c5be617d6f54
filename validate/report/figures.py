"""Figures 1, 2 and 5 of the paper, redrawn: bars and lines predicted, marks measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from costmodel.algebra.formula import PEAK, memory_key
from costmodel.contract import GROUPS
from costmodel.methods import METHODS, PAPER
from costmodel.output.plots.style import BLACK, GROUP_COLOURS, PHASE_COLOURS, looks
from costmodel.units import size, work
from validate.claims import Cell, Evidence
from validate.claims.quantity import STEP, line
from validate.report.document import Block, Gallery, Grid, Heading, Listing, Picture, Prose
from validate.report.drawing import Bar, Line, bars, lines
from validate.report.numbers import MODELS, RANK, RANKED, RANKS, SIDE

MIB, MFLOP, GFLOP = 2**20, 10**6, 10**9
PHASES = tuple(STEP.split("+"))
_COLOURS = dict(zip(PHASES, PHASE_COLOURS.values(), strict=True))


def blocks(found: Evidence, ranks: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Draw what there are numbers for."""
    if any(_cell(model, method) not in found.measured for model in MODELS for method in PAPER):
        yield Heading("Figures 1, 2 and 5", "figures")
        yield Prose("Not drawn: a cell of them has no measurement.")
        return
    yield Heading("Figures 1 and 2", "figures")
    yield Prose(
        "Bars are predicted, dots and diamonds measured on the real step. In Figure 1 a dot stands where a bar of the"
        " paper ends, the sum of the memory groups' own peaks; a diamond is the simultaneous peak, what has to fit. "
        "In Figure 2 a dot stands at the end of each phase. Figure 2 is drawn twice: as the paper counts, and by "
        "arithmetic, where the dots are its matrix products, the part that an instrument can count."
    )
    yield Gallery((_figure1(found), _figure2(found, "paper"), _figure2(found, "arithmetic")))
    yield _table(found)
    yield Heading("Figure 5", "figure-5")
    yield Prose(
        f"Lines are the closed forms at every rank from {min(RANKS)} to {max(RANKS)}, dots the real step at "
        f"{len(RANKS)} of them. FLOPs are those of a first step by the paper's counter, memory is its total."
    )
    yield Gallery(tuple(_figure5(found, ranks)))
    yield _slopes(found, ranks)
    yield Prose(
        "Total memory in the rank, in bytes. `r16` stands for `Min(r, 16)`: the state of a layer with a side of 16 "
        "stops growing there, which is why GaLore's lines bend. Of a `Max`, one term wins up to some rank, another "
        "above it."
    )
    yield Listing("\n".join(f"{row['model']} {row['method']}\n    {row['formula']}" for row in ranks))


def _cell(model: str, method: str, rank: int = RANK) -> Cell:
    return Cell(model, method, rank if METHODS[method].ranked else None, SIDE)


def _figure1(found: Evidence) -> Picture:
    panels = {}
    for model in MODELS:
        panels[model] = [_memory_bar(found, _cell(model, method)) for method in PAPER]
    title = "Figure 1: peak memory by group, one image of 224 x 224, rank 4"
    key = ("measured: sum of the groups' peaks", "measured: simultaneous peak")
    return Picture("figure1", title, bars(panels, GROUP_COLOURS, key, "MiB"), _told(panels, "MiB"))


def _memory_bar(found: Evidence, cell: Cell) -> Bar:
    predicted, measured = found.predicted[cell], found.measured[cell]
    total = _total(measured)
    parts = {group: predicted[memory_key(group)] / MIB for group in GROUPS}
    return Bar(cell.method, parts, (total / MIB,), (measured[PEAK] / MIB,), f"{total / MIB:,.1f}")


def _figure2(found: Evidence, convention: str) -> Picture:
    panels = {}
    for model in MODELS:
        panels[model] = [_flops_bar(found, _cell(model, method), convention) for method in PAPER]
    how = "as the paper's counter has it" if convention == "paper" else "by arithmetic, the SVD included"
    name = "figure2" if convention == "paper" else "figure2-arithmetic"
    key = "measured" if convention == "paper" else "measured: matrix products"
    title = f"Figure 2: FLOPs of a first step, {how}"
    return Picture(name, title, bars(panels, _COLOURS, (key,), "GFLOPs"), _told(panels, "GFLOPs"))


def _flops_bar(found: Evidence, cell: Cell, convention: str) -> Bar:
    predicted, measured = found.predicted[cell], found.measured[cell]
    parts = {phase: predicted[f"flops.{convention}.{phase}"] / GFLOP for phase in PHASES}
    kind = "flops.paper" if convention == "paper" else "kind.matmul"
    counted = [measured[f"{kind}.{phase}"] / GFLOP for phase in PHASES]
    ends = tuple(sum(counted[: at + 1]) for at in range(len(PHASES))) if convention == "paper" else (sum(counted),)
    return Bar(cell.method, parts, ends, (), f"{sum(parts.values()):,.2f}")


def _told(panels: Mapping[str, Sequence[Bar]], unit: str) -> str:
    """Say what the bars show, for those who do not see them."""
    return f"Bars, {unit}. " + " ".join(
        f"{model}: {', '.join(f'{bar.name} {bar.text}' for bar in stack)}." for model, stack in panels.items()
    )


def _figure5(found: Evidence, ranks: Sequence[Mapping[str, Any]]) -> Iterator[Picture]:
    names = {"total": ("memory", "MiB", MIB), "step": ("FLOPs", "GFLOPs", GFLOP)}
    colours = {
        method: look.colour if look.colour != BLACK else "currentColor" for method, look in looks(RANKED).items()
    }
    for what, (name, unit, factor) in names.items():
        panels: dict[str, list[Line]] = {}
        for row in ranks:
            model, method = row["model"], row["method"]
            places = range(min(RANKS), max(RANKS) + 1)
            predicted = tuple((rank, value / factor) for rank, value in zip(places, row[what], strict=True))
            measured = tuple((rank, value / factor) for rank, value in _measured(found, model, method, what))
            panels.setdefault(model, []).append(Line(method, colours[method], predicted, measured))
        told = " ".join(
            f"{model}: "
            + ", ".join(f"{one.name} from {one.predicted[0][1]:,.1f} to {one.predicted[-1][1]:,.1f}" for one in drawn)
            + "."
            for model, drawn in panels.items()
        )
        ends = f"rank {min(RANKS)} to {max(RANKS)}"
        yield Picture(
            f"figure5-{name.lower()}",
            f"Figure 5: {name} over the rank",
            lines(panels, "rank", unit),
            f"Lines over {ends}, {unit}. {told}",
        )


def _measured(found: Evidence, model: str, method: str, what: str) -> Iterator[tuple[int, float]]:
    for rank in RANKS:
        cell = _cell(model, method, rank)
        if cell in found.measured:
            yield rank, sum(found.measured_value(cell, part) for part in (PHASES if what == "step" else ("total",)))


def _total(costs: Mapping[str, float]) -> int:
    return int(sum(costs[memory_key(group)] for group in GROUPS))


def _table(found: Evidence) -> Grid:
    rows = []
    for model in MODELS:
        for method in PAPER:
            cell = _cell(model, method)
            predicted, measured = found.predicted[cell], found.measured[cell]
            flops = [int(measured[f"flops.paper.{phase}"]) for phase in PHASES]
            truth = int(sum(predicted[f"flops.arithmetic.{phase}"] for phase in PHASES))
            rows.append(
                (
                    f"{model} {method}",
                    f"{_total(measured):,}",
                    f"{_total(predicted):,}",
                    f"{int(measured[PEAK]):,}",
                    f"{int(predicted[PEAK]):,}",
                    f"{sum(flops):,}",
                    f"{int(sum(predicted[f'flops.paper.{phase}'] for phase in PHASES)):,}",
                    f"{flops[1] / flops[0]:.2f}",
                    f"{truth:,}",
                )
            )
    columns = (
        "cell",
        "sum of group peaks, measured",
        "predicted",
        "peak, measured",
        "predicted",
        "FLOPs of a step, paper, measured",
        "predicted",
        "backward : forward, paper",
        "FLOPs of a step, arithmetic",
    )
    return Grid("The numbers of Figures 1 and 2: bytes and FLOPs", columns, tuple(rows), frozenset(range(1, 9)))


def _slopes(found: Evidence, ranks: Sequence[Mapping[str, Any]]) -> Grid:
    rows = []
    for row in ranks:
        model, method = row["model"], row["method"]
        fits = []
        for what in ("total", "step"):
            points = list(_measured(found, model, method, what))
            predicted = [row[what][rank - min(RANKS)] for rank in RANKS]
            fits += [line(*zip(*points, strict=True)), line(RANKS, predicted)]
        memory, memory_predicted, flops, flops_predicted = fits
        rows.append(
            (
                f"{model} {method}",
                size(round(memory[0])),
                size(round(memory_predicted[0])),
                f"{memory[1]:.1f}%",
                work(round(flops[0])),
                work(round(flops_predicted[0])),
                f"{flops[1]:.1f}%",
                ", ".join(map(str, row["borders"])) or "none",
            )
        )
    columns = (
        "cell",
        "memory per rank, measured",
        "predicted",
        "bend",
        "FLOPs per rank, measured",
        "predicted",
        "bend",
        "terms stop growing at rank",
    )
    caption = (
        f"Slopes of Figure 5: least squares over ranks {', '.join(map(str, RANKS))}; bend is the largest deviation "
        "from the line in percent of what it spans"
    )
    return Grid(caption, columns, tuple(rows), frozenset(range(1, 7)))
