"""Memory by group over the sampling instants of a step: where the peak is, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from costmodel.contract import GROUPS
from costmodel.errors import InputError
from costmodel.output.plots.style import (
    BLACK,
    GREY,
    GROUP_COLOURS,
    PHASE_COLOURS,
    entitle,
    linear,
    scale_for,
    settle,
    styled,
    tint,
    written,
)

_SAMPLES = 1200
"""About as many instants as a picture has columns of pixels."""
_VISIBLE = 1 / 2000
"""A smaller change, as a part of the peak, is less than half a pixel of a picture."""
_ROWS = 5
"""Rows for the names of phases too short to have theirs above them."""
_ROW, _SIZE = 12.0, 8.5
"""Height of a row and size of a name, in typographic points."""
_STRIP = 0.025
"""Height of the strip of phases, as a part of the panel's."""

Phases = Sequence[tuple[str, int, int]]
"""Label, first instant, and the instant after the last."""


@styled
def timeline(groups: Mapping[str, np.ndarray], phases: Phases, title: str) -> Figure:
    """Draw the live bytes of each group, stacked, over the sampling instants, and mark the simultaneous peak.

    Args:
        groups: bytes at each instant by memory group, all of one length; a group left out has none.
        phases: label, first instant, and the instant after the last. A label that names a phase of the step
            (``step 1 backward``) gets that phase's colour.
        title: what the picture shows.

    Returns:
        A figure. Where there are more instants than a picture can show, each shown one is the largest of its
        neighbours: the peak is always among them. Changes of less than half a pixel are left out. A phase whose name
        finds no room is a band without a name.

    Raises:
        InputError: when there are no instants.
    """
    assert set(groups) <= set(GROUPS), f"unknown groups: {set(groups) - set(GROUPS)}"
    length = max((len(values) for values in groups.values()), default=0)
    if length == 0:
        raise InputError("a timeline without a sampling instant: nothing to draw")
    bytes_at = np.array([groups.get(group, np.zeros(length, dtype=np.int64)) for group in GROUPS])
    totals = bytes_at.sum(axis=0)
    peak = int(totals.argmax())
    figure = Figure(figsize=(10.5, 4.8), layout="constrained")
    entitle(figure, title, 110)
    panel = figure.subplots()
    starts, shown = _visible(*_runs(totals), bytes_at)
    panel.stackplot(
        # Memory stays as it is until the next instant: steps, the last one as wide as the others.
        np.append(starts, length),
        np.column_stack([bytes_at[:, shown], bytes_at[:, shown[-1]]]),
        colors=[GROUP_COLOURS[group] for group in GROUPS],
        labels=GROUPS,
        step="post",
        linewidth=0,
        zorder=2,
    )
    panel.set_xlim(0, length)
    panel.set_ylim(0, float(totals[peak]) * 1.12 or 1)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    panel.set_xlabel("sampling instant: after each operator")
    linear(panel.yaxis, "live memory", scale_for(float(totals[peak]), "bytes"))
    _mark(panel, peak, int(totals[peak]), [label for label, start, end in phases if start <= peak < end])
    handles, names = panel.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside right center")  # the top of the list is the top of the stack
    known = [phase for phase in phases if phase[1] < phase[2]]
    _shade(panel, known)
    figure.draw_without_rendering()
    _name(panel, known)
    return settle(figure)


def _mark(panel: Axes, instant: int, peak: int, phases: Sequence[str]) -> None:
    """Mark the peak, and write above it how high it is and in which phase."""
    panel.axhline(peak, color=BLACK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=3)
    (mark,) = panel.plot([instant], [peak], marker="o", markersize=5, color=BLACK, zorder=4)
    mark.set(markeredgecolor="white", gid="peak")
    panel.annotate(
        ", ".join([f"peak {written(peak, 'bytes')}", *phases[-1:]]),
        (instant, peak),
        (0, 5),
        textcoords="offset points",
        ha="left" if instant < panel.get_xlim()[1] / 2 else "right",
        va="bottom",
        fontweight="bold",
    )


def _runs(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each run of instants that is drawn as one begins, and the instant of it with the largest total."""
    width = -(-len(totals) // _SAMPLES)
    starts = np.arange(0, len(totals), width)
    return starts, np.array([start + totals[start : start + width].argmax() for start in starts])


def _visible(starts: np.ndarray, shown: np.ndarray, bytes_at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the runs in which no group is visibly higher or lower than in the one before: a smaller file."""
    totals = bytes_at.sum(axis=0)
    tallest, seen = totals.max(), np.full(len(bytes_at), -np.inf)
    kept = []
    for place, instant in enumerate(shown):
        if totals[instant] == tallest or np.abs(bytes_at[:, instant] - seen).max() > _VISIBLE * tallest:
            kept.append(place)
            seen = bytes_at[:, instant]
    return starts[kept], shown[kept]


def _colour(label: str) -> str:
    return next((colour for phase, colour in PHASE_COLOURS.items() if phase in label), GREY)


def _shade(panel: Axes, phases: Phases) -> None:
    across = panel.get_xaxis_transform()
    for label, start, end in phases:
        colour = _colour(label)
        panel.axvspan(start, end, facecolor=tint(colour, 0.13), linewidth=0, zorder=0)
        panel.axvline(start, color="white", linewidth=1, zorder=1)
        panel.add_patch(
            Rectangle((start, 1), end - start, _STRIP, transform=across, facecolor=colour, linewidth=0, clip_on=False)
        )


class _Name(NamedTuple):
    """Where a phase's name could stand, in pixels, with a line down to ``centre``, where ``share`` of it is passed."""

    row: int
    centre: float
    width: float
    share: float = 0.5

    @property
    def left(self) -> float:
        return self.centre - self.share * self.width

    @property
    def right(self) -> float:
        return self.left + self.width

    def meets(self, other: _Name, pad: float) -> bool:
        """Say whether the two touch, or one's line runs through the other."""
        if self.row == other.row:
            return self.left < other.right + pad and other.left < self.right + pad
        upper, lower = (self, other) if self.row > other.row else (other, self)
        return lower.left - pad / 2 < upper.centre < lower.right + pad / 2


def _name(panel: Axes, phases: Phases) -> None:
    """Write the phases' names on top: above the band where that is as wide, else in a row further up, with a line."""
    scale = panel.figure.dpi / 72  # pixels of a typographic point
    pad = 6 * scale
    box = panel.get_window_extent()
    per_instant = box.width / panel.get_xlim()[1]
    placed: list[tuple[str, _Name]] = []
    short: list[tuple[str, float, float]] = []  # label, width, centre
    for label, start, end in phases:
        text = panel.text(start, 1, label, fontsize=_SIZE)
        width = text.get_window_extent().width
        text.remove()
        centre = box.x0 + (start + end) / 2 * per_instant
        if width + pad <= (end - start) * per_instant:
            placed.append((label, _Name(0, centre, width)))
        else:
            short.append((label, width, centre))
    # First those that leave room for the lines of all others, then what still fits: neighbours' names part this way.
    for careful in (True, False):
        for label, width, centre in list(short):
            lines = [_Name(_ROWS, other, 0) for _, _, other in short if careful and other != centre]
            for name in _choices(width, centre):
                inside = box.x0 <= name.left and name.right <= box.x1
                if inside and not any(name.meets(other, pad) for other in [*lines, *(other for _, other in placed)]):
                    placed.append((label, name))
                    short.remove((label, width, centre))
                    break
    for label, name in placed:
        line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
        line["relpos"] = (name.share, 0)
        panel.annotate(
            label,
            ((name.centre - box.x0) / per_instant, 1 + _STRIP),
            (0, 3 + name.row * _ROW),
            xycoords=panel.get_xaxis_transform(),
            textcoords="offset points",
            ha={0.0: "left", 0.5: "center", 1.0: "right"}[name.share],
            fontsize=_SIZE,
            arrowprops=line if name.row else None,
            annotation_clip=False,
            gid="phase",
        )


def _choices(width: float, centre: float) -> Iterator[_Name]:
    """Yield the places for a name above a short phase, best first: low, and centred rather than to one side."""
    for row in range(1, _ROWS):
        for share in (0.5, 0.0, 1.0):
            yield _Name(row, centre, width, share)
