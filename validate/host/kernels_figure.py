"""The kernel study as a picture: which convention the clock obeys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from costmodel.output.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, entitle, settle, styled
from validate.host.kernels import KINDS, KernelStudy, ProductRow

_LOOKS = dict(zip(KINDS, ((VERMILLION, "o"), (PURPLE, "v"), (ORANGE, "s"), (BLUE, "^"), (GREEN, "D")), strict=True))


@styled
def figure(study: KernelStudy) -> Figure:
    """Draw every layer's weight gradient against its groups: its time, and the rate that two conventions imply."""
    drawn = Figure(figsize=(10.5, 4.4), layout="constrained")
    ratios, rates = drawn.subplots(1, 2)
    layers = study.layers
    for kind, (colour, marker) in _LOOKS.items():
        rows = [layer for layer in layers if layer["weight"].kind == kind]
        _points(
            ratios,
            [layer["weight"] for layer in rows],
            [layer["weight"].seconds / layer["forward"].seconds for layer in rows],
            colour,
            marker,
            f"{kind}, measured",
        )
    most = max(row.groups for row in study.products)
    ratios.plot([1, most], [1, 1], color=BLACK, label="arithmetic: as the forward product")
    ratios.plot([1, most], [1, most], color=GREY, linestyle="dashed", label="torch, paper: times the groups")
    _axes(ratios, "weight gradient / forward product, seconds", "What the layers take", "upper left")
    ratios.set_ylim(top=40 * most)  # room for the legend
    for convention, colour, marker in (("torch", GREY, "x"), ("arithmetic", VERMILLION, "o")):
        weights = [layer["weight"] for layer in layers]
        implied = [row.rate(convention) / 1e9 for row in weights]
        _points(rates, weights, implied, colour, marker, f"if {convention} is right")
    rates.axhline(study.peak / 1e9, color=BLACK, label=f"large matrix product: {study.peak / 1e9:.0f} GFLOP/s")
    _axes(rates, "implied rate of the weight gradient, GFLOP/s", "How fast the machine would have been", "lower right")
    entitle(drawn, "Convolutions of the paper's models and of two grouped ones, N = 1, 224x224, one thread", 110)
    return settle(drawn)


def _points(
    panel: Axes, rows: Sequence[ProductRow], values: Sequence[float], colour: str, marker: str, label: str
) -> None:
    filled: dict[str, Any] = {} if marker == "x" else {"edgecolors": "white", "linewidths": 0.4}
    panel.scatter([row.groups for row in rows], values, s=22, c=colour, marker=marker, label=label, zorder=3, **filled)


def _axes(panel: Axes, name: str, title: str, legend: Literal["upper left", "lower right"]) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    for axis in (panel.xaxis, panel.yaxis):
        _plain(axis)
    panel.set_xlabel("groups of the convolution (1: none)")
    panel.set_ylabel(name)
    panel.set_title(title, loc="left", fontweight="bold")
    panel.legend(loc=legend, fontsize=8)


def _plain(axis: Axis) -> None:
    """Write 1000 and 0.1, not powers of ten: the style shows no mathematics."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
