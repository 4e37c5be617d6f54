"""Stacked bars of memory groups and of phases: the paper's Figures 1 and 2, lying so that names and numbers fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Annotation

from costmodel.errors import InputError
from costmodel.methods import REFERENCE
from costmodel.output.plots.style import (
    BLACK,
    GROUP_COLOURS,
    PHASE_COLOURS,
    Unit,
    head_legend,
    linear,
    scale_for,
    settle,
    styled,
    wrapped,
    written,
)

_BAR = 0.72
"""Thickness of a bar; the next one is 1 away."""
_GAP = 5.0
"""Points between a bar's end and its numbers."""
_TIMES = "\N{MULTIPLICATION SIGN}"

Stacks = Mapping[str, Mapping[str, int]]
"""Method to part to value."""


@styled
def memory_bars(groups: Mapping[str, Stacks], peaks: Mapping[str, Mapping[str, int]], title: str = "") -> Figure:
    """Draw the memory groups' own peaks, stacked, and the simultaneous peak as a mark on each bar.

    Args:
        groups: bytes by model, method and memory group. Their sum is the total that the paper plots.
        peaks: bytes by model and method: what must fit in RAM. A method without one gets no mark.
        title: what the panels have in common.

    Returns:
        A figure with one panel for each model and one bar for each method.

    Raises:
        InputError: when there is nothing to draw.
    """

    def numbers(model: str, method: str, total: int) -> str:
        peak = peaks.get(model, {}).get(method)
        return f"sum {written(total, 'bytes')}" + ("" if peak is None else f"\npeak {written(peak, 'bytes')}")

    mark = Line2D([], [], color=BLACK, marker="|", markersize=11, markeredgewidth=2.2, linestyle="none")
    legend = {mark: "peak: must fit in RAM"} if any(peaks.values()) else {}
    return _panels(groups, GROUP_COLOURS, "bytes", "memory, groups' own peaks", numbers, peaks, legend, title)


@styled
def flops_bars(flops: Mapping[str, Stacks], convention: str, title: str = "") -> Figure:
    """Draw the FLOPs of one step by phase, stacked; each bar says its total and how many times that of ``fft`` it is.

    Args:
        flops: FLOPs by model, method and phase: forward, backward, optimizer.
        convention: how they were counted; named on the axis.
        title: what the panels have in common.

    Returns:
        A figure with one panel for each model and one bar for each method.

    Raises:
        InputError: when there is nothing to draw.
    """

    def numbers(model: str, method: str, total: int) -> str:
        full = sum(flops[model][REFERENCE].values()) if REFERENCE in flops[model] else 0
        ratio = f"\n{total / full:.2f} {_TIMES} {REFERENCE}" if full and method != REFERENCE else ""
        return written(total, "FLOP") + ratio

    return _panels(flops, PHASE_COLOURS, "FLOP", f"one step, {convention} convention", numbers, {}, {}, title)


def _panels(
    data: Mapping[str, Stacks],
    colours: Mapping[str, str],
    unit: Unit,
    name: str,
    numbers: Callable[[str, str, int], str],
    marks: Mapping[str, Mapping[str, int]],
    legend: Mapping[Line2D, str],
    title: str,
) -> Figure:
    """Draw one panel for each model; ``colours`` has the parts in the order of the stack."""
    if not data or not all(data.values()):
        raise InputError("a model without a method, or no model: nothing to draw")
    columns = 1 if len(data) == 1 else 2
    rows = -(-len(data) // columns)
    bars = max(len(stacks) for stacks in data.values())
    figure = Figure(figsize=(7.2 if columns == 1 else 11.5, 0.5 + rows * (0.95 + 0.42 * bars)), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in panels[len(data) :]:
        unused.remove()
    # One unit for all panels, so that they compare: the one in which the smallest still reads well.
    totals = {model: [sum(parts.values()) for parts in stacks.values()] for model, stacks in data.items()}
    scale = scale_for(min(max(values) for values in totals.values()), unit)
    labels = []
    for panel, (model, stacks) in zip(panels, data.items(), strict=False):
        texts = [numbers(model, method, total) for method, total in zip(stacks, totals[model], strict=True)]
        labels.append(_panel(panel, stacks, colours, marks.get(model, {}), texts))
        panel.set_title(wrapped(model, 50), loc="left", fontweight="bold")
        linear(panel.xaxis, name, scale)
    handles = [Patch(facecolor=colour, edgecolor="white", label=part) for part, colour in colours.items()]
    key = figure.legend(
        [*handles, *legend],
        [*colours, *legend.values()],
        loc="outside upper left",
        ncols=8,
        handlelength=1.2,
        columnspacing=1.4,
    )
    head_legend(key, title, 70 if columns == 1 else 115)
    figure.draw_without_rendering()
    for panel, beside in zip(panels, labels, strict=False):
        _make_room(panel, beside)
    return settle(figure)


def _panel(
    panel: Axes, stacks: Stacks, colours: Mapping[str, str], marks: Mapping[str, int], texts: Sequence[str]
) -> list[Annotation]:
    """Draw a bar for each method, the first on top, and return the texts beside them."""
    _stack(panel, stacks, colours)
    for place, method in enumerate(stacks):
        if method in marks:
            _mark(panel, marks[method], place)
    panel.set_yticks(range(len(stacks)), [wrapped(method, 20) for method in stacks])
    panel.set_ylim(len(stacks) - 0.45, -0.55)
    panel.grid(visible=False, axis="y")
    panel.tick_params(axis="y", length=0)
    ends = [max(sum(parts.values()), marks.get(method, 0)) for method, parts in stacks.items()]
    panel.set_xlim(0, max([*ends, 1]))
    return _write(panel, ends, texts)


def _stack(panel: Axes, stacks: Stacks, colours: Mapping[str, str]) -> None:
    left = [0] * len(stacks)
    for part, colour in colours.items():
        values = [parts.get(part, 0) for parts in stacks.values()]
        panel.barh(
            range(len(stacks)), values, _BAR, left, color=colour, edgecolor="white", linewidth=0.6, label=part, gid=part
        )
        left = [start + value for start, value in zip(left, values, strict=True)]
    strange = {part for parts in stacks.values() for part in parts} - set(colours)
    assert not strange, f"these are in no bar: {strange}"


def _mark(panel: Axes, value: int, place: int) -> None:
    """Draw a line across a bar, white around it: it crosses dark parts too."""
    (line,) = panel.plot(
        [value, value], [place - _BAR / 1.8, place + _BAR / 1.8], color=BLACK, linewidth=2.2, gid="peak"
    )
    line.set(solid_capstyle="butt", path_effects=[Stroke(linewidth=4.2, foreground="white"), Normal()])


def _write(panel: Axes, ends: Sequence[int], texts: Sequence[str]) -> list[Annotation]:
    labels = []
    for place, (end, text) in enumerate(zip(ends, texts, strict=True)):
        labels.append(
            panel.annotate(
                text,
                (end, place),
                (_GAP, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                linespacing=1.1,
                bbox={"facecolor": "white", "linewidth": 0, "pad": 1},  # over the grid
                in_layout=False,  # room is made for it by ending the axis later, not by a smaller panel
            )
        )
    return labels


def _make_room(panel: Axes, labels: Sequence[Annotation]) -> None:
    """End the axis where the widest number beside a bar ends, whatever the bar's length."""
    width = panel.get_window_extent().width
    limits = [panel.get_xlim()[1]]
    for label in labels:
        taken = label.get_window_extent().width + 2 * _GAP * panel.figure.dpi / 72
        limits.append(float(label.xy[0]) * width / max(width - taken, width / 4))
    panel.set_xlim(0, max(limits))
