"""The clock on a set of cells: measured and estimated seconds, and how far they are apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from costmodel.machine.seconds.host import Host
from costmodel.terminal.tables import Row, Table
from validate.host.calibrate import CALIBRATION, Cell
from validate.step import timed

QUANTITIES = ("forward", "backward", "optimizer", "step")


@dataclass(frozen=True, slots=True)
class Timing:
    """One cell.

    Attributes:
        model, method, batch, side: the cell; the rank is 4 where there is one.
        calibrated: whether the host was calibrated on the model, at whatever point.
        forward, backward, optimizer, step: measured seconds.
        forward_estimate, backward_estimate, optimizer_estimate, step_estimate: estimated seconds.
    """

    model: str
    method: str
    batch: int
    side: int
    calibrated: bool
    forward: float
    backward: float
    optimizer: float
    step: float
    forward_estimate: float
    backward_estimate: float
    optimizer_estimate: float
    step_estimate: float

    @property
    def error(self) -> float:
        """Relative error of the estimated step."""
        return self.error_of("step")

    def error_of(self, quantity: str) -> float:
        """Relative error of one of `QUANTITIES`."""
        error: float = getattr(self, f"{quantity}_estimate") / getattr(self, quantity) - 1
        return error

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self)


def _cells(side: int, batch: int, method: str, *models: str) -> tuple[Cell, ...]:
    return tuple(Cell(model, method, batch, side) for model in models)


CELLS = (
    *_cells(224, 1, "fft", "efficientnet_b0", "mnasnet1_0", "shufflenet_v2_x1_0", "squeezenet1_1", "regnet_y_400mf"),
    *_cells(224, 1, "fft", "googlenet", "resnet50", "mobilenet_v3_large", "vit_b_16", "swin_t"),
    *_cells(160, 1, "fft", "densenet121", "convnext_tiny", "resnext50_32x4d"),
    *_cells(128, 1, "fft", "vgg11", "alexnet", "resnet34", "efficientnet_b1"),
    *_cells(128, 4, "lora", "efficientnet_b0", "shufflenet_v2_x1_0", "googlenet", "mobilenet_v3_large", "resnet50"),
    *_cells(160, 1, "lora", "mnasnet1_0", "densenet121", "regnet_y_400mf", "squeezenet1_1", "alexnet"),
    *_cells(224, 1, "lora", "vit_b_16", "swin_t", "convnext_tiny"),
    *_cells(160, 2, "dora", "efficientnet_b0", "mobilenet_v3_large", "regnet_y_400mf", "squeezenet1_1", "resnet50"),
    *_cells(160, 2, "galore", "mnasnet1_0", "shufflenet_v2_x1_0", "mobilenet_v3_large", "efficientnet_b0", "googlenet"),
    *_cells(96, 8, "galore", "squeezenet1_1", "regnet_y_400mf"),
    *_cells(128, 8, "bn_head", "efficientnet_b0", "mnasnet1_0", "shufflenet_v2_x1_0", "densenet121", "resnet50"),
    *_cells(192, 4, "bn_head", "mobilenet_v3_large", "regnet_y_400mf", "googlenet"),
    *_cells(96, 8, "fft", "efficientnet_b0", "mnasnet1_0", "shufflenet_v2_x1_0", "squeezenet1_1", "mobilenet_v3_large"),
    *_cells(192, 3, "fft", "mobilenet_v2", "mobilenet_v3_small", "resnet18"),
    *_cells(112, 6, "lora", "mobilenet_v2", "mobilenet_v3_small", "resnet18"),
)
"""Every cell's point is one that the host was not calibrated at; all but the last six have a model of that kind too."""


def measured(host: Host, cell: Cell, budget: float = 2.0) -> Timing:
    """Estimate a cell's step and time it, single-threaded.

    Args:
        host: calibrated for one thread.
        cell: a model by name, method and point.
        budget: seconds to time for.
    """
    setup, point = cell.build()
    estimated = timed.estimate(host, setup, point)
    seconds = timed.measure(setup, point, budget=budget)
    assert isinstance(cell.model, str)
    return Timing(
        cell.model,
        cell.method,
        cell.batch,
        cell.side,
        cell.model in {known.model for known in CALIBRATION},
        *(seconds[f"time.{name}"] for name in QUANTITIES),
        *(estimated[f"time.{name}"] for name in QUANTITIES),
    )


def to_csv(rows: Iterable[Timing]) -> str:
    """Write timings as CSV, seconds with four digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_NAMES, "error"])
    for row in rows:
        values = row.to_dict()
        cells = [f"{value:.4g}" if isinstance(value, float) else value for value in values.values()]
        writer.writerow([*cells, f"{row.error:.4f}"])
    return text.getvalue()


def from_csv(text: str) -> list[Timing]:
    """Read what `to_csv` wrote."""
    rows = []
    for line in csv.DictReader(io.StringIO(text)):
        cell = line["model"], line["method"], int(line["batch"]), int(line["side"]), line["calibrated"] == "True"
        rows.append(Timing(*cell, *(float(line[name]) for name in _NAMES[len(cell) :])))
    return rows


def summary(rows: Sequence[Timing]) -> Table:
    """Lay out quantiles of the absolute relative error: of each quantity, and of the step by method."""
    held = [row for row in rows if not row.calibrated]
    known = [row for row in rows if row.calibrated]
    lines = [_line(f"{name}, held-out models", held, name) for name in QUANTITIES]
    methods = dict.fromkeys(row.method for row in held)
    lines += [_line(f"step, {method}", [row for row in held if row.method == method], "step") for method in methods]
    lines.append(_line("step, calibrated models at other points", known, "step"))
    columns = ("absolute relative error", "cells", "median", "75%", "90%", "worst", "worst cell")
    return Table(columns, tuple(line for line in lines if line))


def _line(name: str, rows: Sequence[Timing], quantity: str) -> Row | None:
    if not rows:
        return None
    errors = [abs(row.error_of(quantity)) for row in rows]
    worst = max(rows, key=lambda row: abs(row.error_of(quantity)))
    shares = (f"{value:.1%}" for value in np.quantile(errors, [0.5, 0.75, 0.9, 1]))
    cell = f"{worst.model} {worst.method} {worst.batch}x{worst.side}x{worst.side} ({worst.error_of(quantity):+.0%})"
    return Row((name, str(len(rows)), *shares, cell))


_NAMES = [field.name for field in fields(Timing)]
