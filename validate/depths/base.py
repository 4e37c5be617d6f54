"""What a depth is: facts for tables, and the measurement and the prediction that stand side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from validate.cell import CellSpec

Numbers = Mapping[str, int | float]
"""Quantities by name: integers (bytes, FLOPs), or seconds."""


@dataclass(frozen=True)
class Depth(ABC):
    """A way to look at the real step, and the prediction that stands beside it.

    Tables and other processes make depths without using them: a file imports what measures and predicts inside its
    functions.

    Attributes:
        name: as typed.
        about: what is measured, in one line.
        exact: whether a prediction is equal or wrong; if not it is an estimate, shown with its relative error.
        headline: the quantity that stands for the others in a table.
        unit: of its numbers, where they have one in common.
    """

    name: str
    about: str
    exact: bool
    headline: str
    unit: str = "B"

    @abstractmethod
    def measure(self, spec: CellSpec) -> Numbers:
        """Run the real step of a cell and return what was measured.

        Raises:
            InputError: where this system cannot measure it, or the cell is refused.
        """

    @abstractmethod
    def predict(self, setup: Setup, point: Point) -> Numbers:
        """Return what the step is predicted to measure: the quantities of `measure`, and perhaps more.

        Raises:
            CostModelError: where there is no prediction.
        """

    def notes(self, setup: Setup, point: Point) -> tuple[str, ...]:  # noqa: ARG002  # for depths that have some
        """Say what was left out, and why; nothing unless a depth has something to say."""
        return ()
