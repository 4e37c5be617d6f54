"""What all pictures share: colours that colour-blind readers can tell apart, axes in human units, the layout.

Every picture is laid out once, when it is made: what is placed by measuring text stays where it was measured, and the
same data gives the same file.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from costmodel.contract import GROUPS
from costmodel.methods import METHODS as ALL_METHODS
from costmodel.units import size, work

Unit = Literal["bytes", "FLOP"]

# The palette of Okabe and Ito, "Color Universal Design", and a grey.
BLACK, ORANGE, SKY, GREEN, YELLOW = "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

GROUP_COLOURS = dict(zip(GROUPS, (BLUE, YELLOW, PURPLE, SKY, ORANGE, GREEN), strict=True))

PHASE_COLOURS = {"forward": SKY, "backward": ORANGE, "optimizer": GREEN}
"""Each phase has the colour of the memory group that is born in it: ``act``, ``temp``, ``opt``."""

_LOOKS = {method.look: name for name, method in ALL_METHODS.items() if method.look is not None}
METHODS = tuple(_LOOKS[place] for place in sorted(_LOOKS))
"""Methods that look the same in every picture; others follow in the order in which they appear."""

_COLOURS = (BLACK, ORANGE, BLUE, VERMILLION, GREEN, PURPLE, SKY, GREY)  # a yellow line on white is hard to see
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

_STYLE: list[str | dict[str, Any]] = [
    "default",  # whatever the user's matplotlibrc says: the same data, the same picture
    {
        "font.size": 9.0,
        "axes.titlesize": 10.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "#E0E0E0",
        "grid.linewidth": 0.6,
        "figure.constrained_layout.w_pad": 0.08,  # inches; letters are not equally wide in every kind of file
        "legend.frameon": False,
        "text.parse_math": False,  # a "$" in a model's name is a dollar sign
        "svg.hashsalt": "costmodel",  # names inside an SVG are random otherwise
    },
]
styled = matplotlib.style.context(_STYLE)
"""Decorator: what the function draws or writes looks like this package's pictures."""


def tint(colour: str, share: float) -> str:
    """Mix a colour with white: opaque, because not every program that shows an SVG knows transparency."""
    red, green, blue = (1 - share + share * part for part in to_rgb(colour))
    return to_hex((red, green, blue))


class Look(NamedTuple):
    """How a line is drawn: no two of the first 88 are the same in all three, neighbours differ in each."""

    colour: str
    marker: str
    dash: Any

    @staticmethod
    def of(place: int) -> Look:
        """Return the look for a place in a list."""
        dash = place + place // len(_COLOURS)  # the colours begin again with other dashes
        return Look(_COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)], _DASHES[dash % len(_DASHES)])


def looks(names: Iterable[str], fixed: Sequence[str] = METHODS) -> dict[str, Look]:
    """Return how each name is drawn: by its place in ``fixed``, or after those by order of appearance."""
    names = list(dict.fromkeys(names))
    places = {name: place for place, name in enumerate(dict.fromkeys([*fixed, *names]))}
    return {name: Look.of(places[name]) for name in names}


def floats(column: pd.Series[Any]) -> np.ndarray:
    """Return a column of numbers of any kind, exact fractions and missing ones included, as matplotlib draws them."""
    return column.to_numpy(dtype=float, na_value=np.nan)


def written(value: float, unit: Unit) -> str:
    """Write a value with its unit, as the tables do."""
    return size(int(value)) if unit == "bytes" else work(int(value))


class Scale(NamedTuple):
    """One unit of an axis: how many bytes or FLOPs, and its name."""

    factor: int
    name: str


def scale_for(largest: float, unit: Unit) -> Scale:
    """Return the unit in which an axis that ends at ``largest`` reads well."""
    step = 1024 if unit == "bytes" else 1000
    factor = 1
    while largest >= step * factor and factor < step**5:
        factor *= step
    factor = min(factor, step**4 if unit == "bytes" else step**5)
    return Scale(factor, written(factor, unit).split()[1])


class _Rounded(MaxNLocator):
    """Ticks at round numbers of a unit other than the data's own."""

    def __init__(self, factor: int) -> None:
        super().__init__(nbins=6, steps=[1, 2, 2.5, 5, 10])
        self._factor = factor

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        return [tick * self._factor for tick in super().tick_values(vmin / self._factor, vmax / self._factor)]


def linear(axis: Axis, name: str, scale: Scale) -> None:
    """Put round numbers of a unit on an axis whose data are bytes or FLOPs, and name both."""
    axis.set_major_locator(_Rounded(scale.factor))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / scale.factor:,.6g}"))
    axis.set_label_text(f"{name} ({scale.name})")


def logarithmic(axis: Axis, name: str, low: float, high: float, unit: Unit) -> None:
    """Put powers of two of a byte, or 1, 2, 5 of a FLOP, on a logarithmic axis; each tick has its own unit."""
    if unit == "bytes":
        ticks = [2.0**power for power in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)]
    else:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [digit * 10.0**power for power in powers for digit in ((1, 2, 5) if len(powers) < 5 else (1,))]
    inside = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(inside[:: math.ceil(len(inside) / 9) or 1]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: re.sub(r"\.0+ ", " ", written(value, unit))))
    axis.set_label_text(f"{name} ({'bytes' if unit == 'bytes' else 'FLOPs'}, logarithmic)")


def entitle(figure: Figure, title: str, width: int) -> None:
    """Write what the picture shows at its top left, in lines of up to ``width`` signs."""
    if title:
        figure.suptitle(textwrap.fill(title, width), x=0.01, ha="left", fontsize=10, fontweight="bold")


def head_legend(legend: Legend, title: str, width: int) -> None:
    """Write the same above a legend that is at the picture's top left, where a title would be under it."""
    if title:
        legend.set_title(textwrap.fill(title, width), FontProperties(size=10, weight="bold"))
        legend.set_alignment("left")


def wrapped(name: str, width: int) -> str:
    """Break a long name into lines, where it can be after a sign between words."""
    lines = [""]
    for part in re.findall(rf"[^\s_./:\-]{{1,{width}}}[\s_./:\-]*|[\s_./:\-]+", name):
        if len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def settle(figure: Figure) -> Figure:
    """Lay the figure out and keep that: drawing it again, at whatever resolution, moves nothing."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure
