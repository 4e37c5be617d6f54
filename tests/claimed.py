"""Numbers for claims without a measurement: the committed ones of the paper's cells, and the shipped formulas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from costmodel.cell.request import request_at
from costmodel.cell.subjects import model_table
from costmodel.errors import CostModelError
from costmodel.sources.source import Source
from validate.claims import Cell, Evidence, layers
from validate.claims.quantity import LAYER

JOURNAL = Path(__file__).parents[1] / "docs" / "validation" / "paper.jsonl"


@cache
def predicted(cell: Cell) -> dict[str, float] | None:
    """Return a cell's numbers by its shipped formula; ``None`` where none ships for it."""
    if cell.method == LAYER:
        return dict(layers.predicted(layers.LAYERS[cell]))
    if cell.model not in model_table():
        return None
    setup = cell.spec.setup
    asked = request_at(setup, dict(cell.spec.point))
    shipped = Source(setup).shipped
    found = next((known.formula for known in shipped if known.formula.domain.contains(asked.numbers)), None)
    return None if found is None else found.evaluate(cell.spec.point)


@cache
def committed() -> Evidence:
    """Return what the committed journal has of the paper's cells, and their formulas."""
    measured = {}
    for text in JOURNAL.read_text(encoding="utf-8").splitlines():
        record = json.loads(text)
        told = json.loads(record["cell"])
        cell = Cell(told["model"], told["method"], told["point"].get("r"), told["point"]["H"])
        measured[cell] = record["measured"]
    return Evidence(measured, {cell: predicted(cell) for cell in measured})


def derived(cells: list[Cell]) -> Evidence:
    """Return what formulas say of cells, in the place of measurements too: traced where none ships.

    Raises:
        CostModelError: for a cell that has none.
    """
    costs = {}
    for cell in cells:
        costs[cell] = predicted(cell) or _traced(cell)
    return Evidence(costs, costs)


@cache
def _traced(cell: Cell) -> dict[str, float]:
    setup = cell.spec.setup
    try:
        return (
            _source(cell.model, cell.method)
            .derivation(request_at(setup, dict(cell.spec.point)))
            .formula.evaluate(cell.spec.point)
        )
    except CostModelError as error:
        raise AssertionError(f"{cell}: {error}") from error


@cache
def _source(model: str, method: str) -> Source:
    return Source(Cell(model, method, 4, 224).spec.setup)
