"""The depths of a measurement: what the real step is watched by, and whether its numbers can be equal at all."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.errors import unknown
from validate.cell import OPERATORS, CellSpec

Numbers = Mapping[str, int | float]
"""Quantities by name: integers (bytes, FLOPs), or seconds."""


@dataclass(frozen=True, slots=True)
class Depth:
    """A way to look at the real step, and the prediction that stands beside it.

    Attributes:
        name: as typed.
        about: what is measured, in one line.
        exact: whether a prediction is equal or wrong; if not it is an estimate, shown with its relative error.
        module: where ``measure(setup, point)`` and ``predict(setup, point)`` are, imported when used. Both return the
            same quantities. One that starts processes of its own has ``measure_cell(spec)`` in place of ``measure``.
            It may have ``notes(setup, point)``: lines on what was left out, and why.
        headline: the quantity that stands for the others in a table.
        unit: of its numbers, where they have one in common.
    """

    name: str
    about: str
    exact: bool
    module: str
    headline: str
    unit: str = "B"

    def measure(self, spec: CellSpec) -> Numbers:
        """Run the real step and return what was measured."""
        loaded = self._loaded
        measured: Numbers = (
            loaded.measure_cell(spec) if hasattr(loaded, "measure_cell") else loaded.measure(spec.setup, spec.at)
        )
        return measured

    def predict(self, setup: Setup, point: Point) -> Numbers:
        """Return what the step is predicted to measure.

        Raises:
            CostModelError: where there is no prediction.
        """
        predicted: Numbers = self._loaded.predict(setup, point)
        return predicted

    def notes(self, setup: Setup, point: Point) -> tuple[str, ...]:
        """Say what was left out, and why."""
        told = getattr(self._loaded, "notes", None)
        return tuple(told(setup, point)) if told else ()

    @property
    def _loaded(self) -> Any:
        return importlib.import_module(self.module)


DEPTHS = {
    depth.name: depth
    for depth in (
        Depth(
            OPERATORS,
            "tensors and FLOPs, operator by operator",
            exact=True,
            module="validate.depths.operators",
            headline="memory.peak",
            unit="",
        ),
        Depth(
            "allocator",
            "bytes that the step really allocates, the kernels' own workspaces included",
            exact=False,
            module="validate.depths.allocator",
            headline="allocator.peak",
        ),
        Depth(
            "cuda",
            "bytes that CUDA's allocator gives out, against live storages rounded up to 512 bytes",
            exact=False,
            module="validate.depths.cuda",
            headline="cuda.peak",
        ),
        Depth(
            "process",
            "resident memory of the process above its baseline",
            exact=False,
            module="validate.depths.process",
            headline="process.controlled",
        ),
        Depth(
            "time",
            "seconds of the step on this machine",
            exact=False,
            module="validate.depths.clock",
            headline="time.step",
            unit="s",
        ),
    )
}


def depth_named(name: str) -> Depth:
    """Return the depth of a name.

    Raises:
        InputError: for a name that is not known.
    """
    if name not in DEPTHS:
        raise unknown("depth", name, DEPTHS)
    return DEPTHS[name]
