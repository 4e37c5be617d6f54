"""Configurations by peak memory and FLOPs, and the ones on the trade-off frontier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from costmodel.errors import InputError
from costmodel.output.plots.style import (
    BLACK,
    Look,
    Unit,
    floats,
    head_legend,
    linear,
    logarithmic,
    looks,
    scale_for,
    settle,
    styled,
    tint,
    wrapped,
)

_LOGARITHMIC_FROM = 20
"""Largest over smallest value above which the small configurations would lie on one another."""
_LIST = 32
"""Lines of the list beside the picture before it gets another column."""
_LISTED = 2 * _LIST
"""The list's end: of a longer frontier, as many configurations at even distances."""
_KEY = 28
"""Signs of a method's name in a line."""
_PANEL = 6.4
"""Inches that the picture has beside the list."""
_OFFSETS = [
    (distance * math.cos(angle * math.pi / 6), distance * math.sin(angle * math.pi / 6))
    for distance in (9, 12, 15)
    for angle in (7, 8, 6, 9, 5, 10, 4, 11, 3, 0, 2, 1)
]
"""Places for a number around its point, in typographic points, best first: below left of a frontier nothing is."""


Budget = tuple[int | None, int | None]
"""Bytes and FLOPs; ``None`` is no limit."""


@styled
def frontier(
    frame: pd.DataFrame, x: str, y: str, label: str, on: str, title: str = "", budgets: Sequence[Budget] = ()
) -> Figure:
    """Draw configurations as points; those on the frontier are strong, numbered from the left and listed at the side.

    They are not joined: a frontier may weigh more than the two axes that are drawn.

    Args:
        frame: one row for each configuration, with a column ``method``.
        x: column of the peak, in bytes.
        y: column of the FLOPs.
        label: column of what to call a configuration.
        on: column that is true on the frontier.
        title: what the picture shows.
        budgets: drawn as lines, where they are within the axes.

    Returns:
        A figure. A number for which there is no free place beside its point is in the list only.

    Raises:
        InputError: when there is nothing to draw.
    """
    known = frame.assign(**{x: floats(frame[x]), y: floats(frame[y])}).dropna(subset=[x, y])
    if known.empty:
        raise InputError(f"no configuration has '{x}' and '{y}': nothing to draw")
    chosen = known[known[on].astype(bool)].sort_values([x, y])
    listed = chosen.iloc[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), _LISTED)).round().astype(int))]
    names = [wrapped(str(text), 44) for text in listed[label]]
    columns = -(-len(names) // _LIST)
    lines = [line for name in names for line in name.split("\n")]
    methods = known["method"].astype(str)
    styles = looks(methods)
    called = [wrapped(method, _KEY) for method in styles]
    across = max(1, int(_PANEL / (0.5 + 0.075 * min(_KEY, max(map(len, styles))))))
    key_rows = -(-len(called) // across) * max(name.count("\n") + 1 for name in called)
    height = max(4.4 + 0.2 * key_rows, 1.0 + 0.19 * len(lines) / max(columns, 1))
    width = _PANEL + columns * (0.5 + 0.07 * max(map(len, lines), default=0))
    figure = Figure(figsize=(width, height), layout="constrained")
    panel = figure.subplots()
    for method, look in styles.items():
        for rows, strong in ((known, False), (chosen, True)):
            mine = rows[rows["method"].astype(str) == method]
            panel.scatter(
                mine[x],
                mine[y],
                s=38 if strong else 16,
                c=look.colour if strong else tint(look.colour, 0.45),
                marker=look.marker,
                linewidths=0.8 if strong else 0,
                edgecolors=BLACK,
                zorder=4 if strong else 2,
                gid=f"{method}, {'frontier' if strong else 'all'}",
            )
    _axis(panel, panel.xaxis, known[x], x.replace("_", " "), "bytes")
    _axis(panel, panel.yaxis, known[y], y.replace("_", " "), "FLOP")
    keys = [Line2D([], [], color=look.colour, marker=look.marker, linestyle="none") for look in styles.values()]
    if lines_drawn := _limits(panel, budgets):
        keys, called = [*keys, lines_drawn[0]], [*called, "budget"]
    legend = figure.legend(keys, called, loc="outside upper left", ncols=across, handletextpad=0.2)
    head_legend(legend, title, 65)
    if names:
        heading = "on the frontier, from the left"
        if len(names) < len(chosen):
            heading += f": {len(names)} of {len(chosen)}"
        _list(figure, [styles[str(method)] for method in listed["method"]], names, heading)
    figure.draw_without_rendering()
    _number(panel, listed[[x, y]].to_numpy(), known[[x, y]].to_numpy())
    return settle(figure)


def _limits(panel: Axes, budgets: Sequence[Budget]) -> list[Line2D]:
    """Draw each limit once, and return those that can be seen."""
    look: dict[str, Any] = {"color": BLACK, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1, "gid": "budget"}
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    peaks = dict.fromkeys(peak for peak, _ in budgets if peak is not None and left < peak < right)
    works = dict.fromkeys(flops for _, flops in budgets if flops is not None and low < flops < high)
    return [*(panel.axvline(peak, **look) for peak in peaks), *(panel.axhline(flops, **look) for flops in works)]


def _axis(panel: Axes, axis: Axis, values: pd.Series[float], name: str, unit: Unit) -> None:
    low, high = float(values.min()), float(values.max())
    limits = panel.set_xlim if axis is panel.xaxis else panel.set_ylim
    if low > 0 and high / low > _LOGARITHMIC_FROM:
        (panel.set_xscale if axis is panel.xaxis else panel.set_yscale)("log")
        room = (high / low) ** 0.07
        limits(low / room, high * room)
        logarithmic(axis, name, low / room, high * room, unit)
    else:
        limits(min(0.0, low), high * 1.07 or 1)
        linear(axis, name, scale_for(high, unit))


def _list(figure: Figure, styles: Sequence[Look], names: Sequence[str], title: str) -> None:
    """List the frontier at the side: number, the method's mark, name."""
    digits = len(str(len(names)))
    figure_space = "\N{FIGURE SPACE}"  # as wide as a digit
    texts = [f"{str(place).rjust(digits, figure_space)}  {name}" for place, name in enumerate(names, 1)]
    keys = [
        Line2D([], [], color=look.colour, marker=look.marker, markeredgecolor=BLACK, linestyle="none")
        for look in styles
    ]
    figure.legend(
        keys,
        texts,
        loc="outside right upper",
        ncols=-(-len(names) // _LIST),
        title=title,
        alignment="left",
        handlelength=1,
        handletextpad=0.3,
        labelspacing=0.35,
        columnspacing=1.2,
        fontsize=8.5,
    )


def _number(panel: Axes, chosen: np.ndarray, every: np.ndarray) -> None:
    """Write each number at the free place beside its point that hides fewest other points, the nearest of those."""
    scale = panel.figure.dpi / 72  # pixels of a typographic point
    box = panel.get_window_extent()
    points = panel.transData.transform(every)
    centres = panel.transData.transform(chosen)
    taken = [Bbox.from_bounds(left - 4 * scale, low - 4 * scale, 8 * scale, 8 * scale) for left, low in centres]
    for place, point in enumerate(chosen, 1):
        text = panel.annotate(
            str(place), point, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8, zorder=5
        )
        size = text.get_window_extent().padded(scale)
        best: tuple[int, tuple[float, float], Bbox] | None = None
        for offset in _OFFSETS:
            there = size.translated(offset[0] * scale, offset[1] * scale)
            inside = box.x0 < there.x0 and there.x1 < box.x1 and box.y0 < there.y0 and there.y1 < box.y1
            if inside and not there.count_overlaps(taken):
                hidden = int(there.count_contains(points))
                if best is None or hidden < best[0]:
                    best = hidden, offset, there
        if best is None:
            text.remove()
            continue
        text.set_position(best[1])
        text.set_gid("number")
        taken.append(best[2])
