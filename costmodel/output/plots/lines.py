"""One quantity along one axis: a line for each method, model or whatever is swept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import MaxNLocator

from costmodel.contract import PHASE_LABELS
from costmodel.errors import InputError
from costmodel.output.plots.style import (
    METHODS,
    Look,
    Unit,
    entitle,
    floats,
    linear,
    logarithmic,
    looks,
    scale_for,
    settle,
    styled,
)

_AXIS_NAMES = {
    "N": "batch N",
    "H": "height H (pixels)",
    "W": "width W (pixels)",
    "H = W": "height and width, H = W (pixels)",
    "S": "sequence length S (tokens)",
    "r": "rank r",
}
_MEMORY_NAMES = {"peak": "peak memory", "sum_of_group_peaks": "sum of the groups' own peaks", "input": "input batch"}
_FEW = 16
"""Up to so many points of a line are marked each."""
_LOGARITHMIC_FROM = 100
"""Largest over smallest value above which the smallest lines would lie on the axis."""


class _Line(NamedTuple):
    key: tuple[Any, ...]
    name: str
    x: np.ndarray
    y: np.ndarray


@styled
def curves(frame: pd.DataFrame, x: str, y: str, unit: Unit, lines: Sequence[str], title: str = "") -> Figure:
    """Draw ``y`` over ``x``, one line for each combination of the columns ``lines``.

    A line whose ``x`` is missing (full fine-tuning in a sweep over ranks) is drawn level across the whole axis.

    Args:
        frame: one row for each point.
        x: column of the axis, such as ``N``, ``r`` or ``H``; ``H = W`` where both sides grow together.
        y: column of the values, in bytes or FLOPs; the columns of a sweep get names in plain words.
        unit: which of the two.
        lines: columns that tell lines apart, such as ``method``, ``model``; empty for a single line.
        title: what the picture shows.

    Returns:
        A figure with each line's name at its end.

    Raises:
        InputError: when a line has two values at one point, or there is nothing to draw.
    """
    drawn = _lines(frame, x, y, lines)
    longest = max(len(line.name) for line in drawn)
    figure = Figure(figsize=(6.6 + 0.07 * longest, max(4.2, 1.1 + 0.2 * len(drawn))), layout="constrained")
    entitle(figure, title, 75)
    panel = figure.subplots()
    for line, look in zip(drawn, _line_looks(drawn, lines), strict=True):
        every = max(1, len(line.x) // 8) if len(line.x) > _FEW else 1
        (curve,) = panel.plot(line.x, line.y, color=look.colour, marker=look.marker, linestyle=look.dash, linewidth=1.6)
        curve.set(markersize=5, markevery=every, gid=line.name, clip_on=False)
    _axes(panel, drawn, x, y, unit)
    _name(figure, panel, drawn)
    return settle(figure)


def _lines(frame: pd.DataFrame, x: str, y: str, lines: Sequence[str]) -> list[_Line]:
    known = frame.assign(**{x: floats(frame[x]), y: floats(frame[y])}).dropna(subset=[y])
    if known[x].isna().all():
        raise InputError(f"no value of '{y}' at any '{x}': nothing to draw")
    whole = np.array([known[x].min(), known[x].max()])
    drawn = []
    groups = known.groupby(list(lines), sort=False, dropna=False) if lines else [((), known)]
    for given, rows in groups:
        key: tuple[Any, ...] = tuple(given)  # the columns are given as a list: one of them makes a tuple too
        name = ", ".join(_part(column, part) for column, part in zip(lines, key, strict=True) if not pd.isna(part))
        points = rows.dropna(subset=[x]).sort_values(x)
        level = points.empty
        if level:
            points = rows
        if points[x].duplicated().any():
            raise InputError(f"line '{name or y}' has several values of '{y}' at one '{x}': add a column to 'lines'")
        heights = points[y].to_numpy()
        places, heights = (whole, heights.repeat(2)) if level else (points[x].to_numpy(), heights)
        drawn.append(_Line(key, name or _called(y), places, heights))
    return drawn


def _called(quantity: str) -> str:
    """Name a column in plain words: ``memory.peak`` is peak memory."""
    match quantity.split("."):
        case ["memory", part]:
            return _MEMORY_NAMES.get(part, f"memory, own peak of {part}")
        case ["flops", convention, phase]:
            return f"{PHASE_LABELS.get(phase, phase)}, {convention} convention"
        case ["kind", kind, phase]:
            return f"{PHASE_LABELS.get(phase, phase)}, {kind} part of arithmetic"
    return quantity.replace("_", " ")


def _part(column: str, value: object) -> str:
    if column in _AXIS_NAMES:
        return f"{column} = {value:g}" if isinstance(value, float) else f"{column} = {value}"
    return str(value)


def _line_looks(drawn: Sequence[_Line], lines: Sequence[str]) -> list[Look]:
    """Tell lines apart by colour and by form: colour is the method's (else the first column's), form the rest's."""
    major = lines.index("method") if "method" in lines else 0
    majors = [str(line.key[major]) if line.key else "" for line in drawn]
    minors = [line.key[:major] + line.key[major + 1 :] for line in drawn]
    by_major = looks(majors, METHODS if "method" in lines else ())
    forms = {minor: Look.of(place) for place, minor in enumerate(dict.fromkeys(minors))}
    if len(forms) == 1:
        return [by_major[name] for name in majors]
    return [forms[minor]._replace(colour=by_major[name].colour) for name, minor in zip(majors, minors, strict=True)]


def _axes(panel: Axes, drawn: Sequence[_Line], x: str, y: str, unit: Unit) -> None:
    heights = np.concatenate([line.y for line in drawn])
    places = np.concatenate([line.x for line in drawn])
    low, high = float(heights.min()), float(heights.max())
    name = _called(y)
    if low > 0 and high / low > _LOGARITHMIC_FROM:
        panel.set_yscale("log")
        panel.set_ylim(low / 1.3, high * 1.3)
        logarithmic(panel.yaxis, name, low / 1.3, high * 1.3, unit)
        if places.min() > 0 and places.max() / places.min() >= 8:
            panel.set_xscale("log", base=2)  # linear growth is straight on two logarithmic axes, and bent on one
    else:
        panel.set_ylim(min(0.0, low * 1.05), high * 1.05 or 1)
        linear(panel.yaxis, name, scale_for(max(abs(low), high), unit))
    _places(panel, places)
    panel.set_xlabel(_AXIS_NAMES.get(x, x.replace("_", " ")))


def _places(panel: Axes, places: np.ndarray) -> None:
    """Put ticks where the points are, if they are few, and not closer than their numbers are wide."""
    position = np.log2 if panel.get_xscale() == "log" else np.asarray
    ticks = np.unique(places)
    if len(ticks) > _FEW:
        if panel.get_xscale() == "linear":
            panel.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
            return
        ticks = 2.0 ** np.arange(np.ceil(np.log2(ticks[0])), np.log2(ticks[-1]) + 1e-9)
    gap = float(np.ptp(position(ticks))) / 12
    kept = [ticks[-1]]
    for tick in ticks[-2::-1]:
        if position(kept[-1]) - position(tick) >= gap:
            kept.append(tick)
    panel.set_xticks(kept, [f"{tick:g}" for tick in kept])
    panel.set_xticks([], minor=True)


def _name(figure: Figure, panel: Axes, drawn: Sequence[_Line]) -> None:
    """Write each line's name beside its end; names that would touch are moved apart, a thin line leads to each."""
    names: list[Annotation] = []
    for line, curve in zip(drawn, panel.lines, strict=True):
        leader = {"arrowstyle": "-", "color": curve.get_color(), "linewidth": 0.8, "shrinkA": 2, "shrinkB": 0}
        names.append(
            panel.annotate(
                line.name,
                (line.x[-1], line.y[-1]),
                (1.04, 0.5),
                textcoords="axes fraction",
                va="center",
                fontsize=8.5,
                arrowprops=leader | {"relpos": (0, 0.5)},
                annotation_clip=False,
            )
        )
    figure.draw_without_rendering()
    box = panel.get_window_extent()
    height = max(Text.get_window_extent(name).height for name in names) + 2  # an annotation's own includes its line
    wanted = [float(panel.transData.transform((line.x[-1], line.y[-1]))[1]) for line in drawn]
    for name, centre in zip(names, _spread(wanted, height, box.y0 + height / 2, box.y1 - height / 2), strict=True):
        name.set_position((1.04, (centre - box.y0) / box.height))


def _spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places at least ``gap`` apart between two ends, in the order of those wanted and close to them."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    ordered = np.array([wanted[index] for index in order])
    steps = gap * np.arange(len(order))
    # Pushed up only and pushed down only: both keep the gap, so their mean does, and it is centred.
    up = np.maximum.accumulate(ordered - steps) + steps
    down = np.minimum.accumulate((ordered - steps)[::-1])[::-1] + steps
    places = np.maximum((up + down) / 2, low + steps)
    places = np.minimum(places, high - steps[::-1])
    return [float(places[order.index(index)]) for index in range(len(order))]
