"""A claim's number, worked out of the costs of the cells that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean, linear_regression

from msgspec.structs import replace

from costmodel.algebra.formula import PEAK, flops_key, memory_key
from costmodel.contract import GROUPS
from costmodel.methods import METHODS
from validate.cell import CellSpec
from validate.claims.claim import Operand, Reading

LAYER = "layer"
"""In the place of a method: the three products of a single layer, see `validate.claims.layers`."""

STEP = "forward+backward+optimizer_first"
"""What Figure 2 shows: one whole step from nothing, GaLore's first projection included."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured for a claim: one image, a square one.

    Attributes:
        model: as `validate.depths.operators.CellSpec` has it.
        method: a name, or `LAYER`.
        rank: ``None`` for a method without one.
        side: height and width.
    """

    model: str
    method: str
    rank: int | None
    side: int

    @property
    def spec(self) -> CellSpec:
        """The cell for the matrix runner."""
        sides = {"N": 1, "H": self.side, "W": self.side}
        return CellSpec(self.model, self.method, sides if self.rank is None else {**sides, "r": self.rank})


Costs = Mapping[Cell, Mapping[str, float]]
"""Quantities of each cell, named as `validate.depths.operators.Operators` names them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What claims are judged by.

    Attributes:
        measured: on the real step.
        predicted: by the formulas; has the arithmetic convention too, parts of which no instrument measures.
    """

    measured: Costs
    predicted: Costs

    def measured_value(self, cell: Cell, name: str) -> float:
        """Return a quantity by the published rules, as measured."""
        return _published(self.measured[cell], name)

    def predicted_value(self, cell: Cell, name: str) -> float:
        """Return a quantity by the published rules, as predicted."""
        return _published(self.predicted[cell], name)

    def true_value(self, cell: Cell, name: str) -> float:
        """Return what is needed: the measured simultaneous peak, and FLOPs by arithmetic, the SVD included."""
        if name == "total":
            return self.measured[cell][PEAK]
        if name in GROUPS:
            return self.measured[cell][memory_key(name)]
        return self.predicted[cell][flops_key("arithmetic", name)]


def _published(costs: Mapping[str, float], name: str) -> float:
    if name == "total":
        return sum(costs[memory_key(group)] for group in GROUPS)
    return costs[memory_key(name)] if name in GROUPS else costs[flops_key("paper", name)]


Lens = Callable[[Cell, str], float]
"""Reads one quantity of a cell."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, and the model and method that it is of."""

    label: str
    number: float


def values(reading: Reading, lens: Lens) -> tuple[Value, ...]:
    """Work a reading out: one value for each model and method, or their mean.

    Raises:
        KeyError: for a cell that was not measured.
    """
    found = [
        Value(_label(reading, model, method), _compared(reading, model, method, lens) / reading.divided_by)
        for model, method in _each(reading)
    ]
    return (Value("mean", fmean(value.number for value in found)),) if reading.mean else tuple(found)


def needed(reading: Reading) -> list[Cell]:
    """Name the cells that a reading is worked out of."""
    asked: dict[Cell, None] = {}

    def note(cell: Cell, _: str) -> float:
        asked[cell] = None
        return float(1 + (cell.rank or 0))  # any number would do, but a line needs a slope

    values(reading, note)
    return list(asked)


def _each(reading: Reading) -> Iterator[tuple[str, str]]:
    for model in reading.models:
        for method in reading.methods:
            yield model, method


def _label(reading: Reading, model: str, method: str) -> str:
    shown = model.rpartition(":")[2]
    return f"{shown} {method}" if len(reading.methods) > 1 else shown


def _compared(reading: Reading, model: str, method: str, lens: Lens) -> float:
    own = _MEASURES[reading.measure](reading, model, method, lens)
    if not reading.beside:
        return own
    other = replace(reading, side=reading.beside.get("side", reading.side), beside={})
    second = _MEASURES[other.measure](other, reading.beside.get("model", model), method, lens)
    return own / second if reading.compare == "ratio" else abs(own - second)


def _at(operand: Operand, reading: Reading, model: str, method: str, lens: Lens, rank: int) -> float:
    name = method if operand.method == "each" else operand.method
    ranked = name in METHODS and METHODS[name].ranked
    cell = Cell(operand.model or model, name, rank if ranked else None, operand.side or reading.side)
    joined = max if "|" in operand.what else sum
    return joined(lens(cell, part) for part in operand.what.replace("step", STEP).replace("|", "+").split("+"))


def _both(reading: Reading, model: str, method: str, lens: Lens) -> tuple[float, float]:
    assert reading.to is not None, "a ratio needs something to compare with"
    first, second = (_at(side, reading, model, method, lens, reading.rank) for side in (reading.of, reading.to))
    return first, second


def _ratio(reading: Reading, model: str, method: str, lens: Lens) -> float:
    first, second = _both(reading, model, method, lens)
    return first / second


def _share(reading: Reading, model: str, method: str, lens: Lens) -> float:
    return 100 * _ratio(reading, model, method, lens)


def _saving(reading: Reading, model: str, method: str, lens: Lens) -> float:
    return 100 - _share(reading, model, method, lens)


def _overhead(reading: Reading, model: str, method: str, lens: Lens) -> float:
    return _share(reading, model, method, lens) - 100


def _growth(reading: Reading, model: str, method: str, lens: Lens) -> float:
    """Return the power of the number of pixels that the quantity grows with."""
    assert reading.to is not None
    pixels = ((reading.of.side or reading.side) / (reading.to.side or reading.side)) ** 2
    return log(_ratio(reading, model, method, lens)) / log(pixels)


def line(ranks: Sequence[int], heights: Sequence[float]) -> tuple[float, float]:
    """Fit a line by least squares: its slope, and the largest deviation from it in percent of what it spans."""
    slope, start = linear_regression(ranks, heights)
    span = abs(slope) * (max(ranks) - min(ranks))
    farthest = max(abs(height - start - slope * rank) for rank, height in zip(ranks, heights, strict=True))
    return slope, 100 * farthest / span if span else 0.0


def _along(operand: Operand, reading: Reading, model: str, method: str, lens: Lens) -> tuple[float, float]:
    return line(reading.ranks, [_at(operand, reading, model, method, lens, rank) for rank in reading.ranks])


def _slopes(reading: Reading, model: str, method: str, lens: Lens) -> float:
    """Return how many times steeper the first is in the rank than the second."""
    assert reading.to is not None
    first, second = (_along(side, reading, model, method, lens)[0] for side in (reading.of, reading.to))
    return first / second


def _bend(reading: Reading, model: str, method: str, lens: Lens) -> float:
    return _along(reading.of, reading, model, method, lens)[1]


_MEASURES: dict[str, Callable[[Reading, str, str, Lens], float]] = {
    "ratio": _ratio,
    "share": _share,
    "saving": _saving,
    "overhead": _overhead,
    "growth": _growth,
    "slopes": _slopes,
    "bend": _bend,
}
"""``ratio``: of / to. ``share``, ``saving``, ``overhead``: in percent of ``to``. ``growth``: the power of the pixels.

``slopes``: of two lines over the rank, of / to. ``bend``: the largest deviation from a line, in percent of its span.
"""
