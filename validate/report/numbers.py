"""The numbers of the claims: every cell that one of them is about, predicted and measured, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from costmodel.algebra.formula import memory_key
from costmodel.cell.request import request_at
from costmodel.contract import GROUPS
from costmodel.methods import METHODS, PAPER
from costmodel.sources.source import Source
from validate.claims import Cell, Claim, Evidence, claims, layers
from validate.claims.quantity import LAYER, STEP, needed
from validate.report.context import Context
from validate.suites.rows import SuiteTable

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "resnet18")
"""The paper's models, in the order of its figures."""
SIDE, RANK = 224, 4
RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Ranks at which the real step is measured for Figure 5."""
RANKED = tuple(method for method in PAPER if METHODS[method].ranked)


def cells(about: Iterable[Claim]) -> list[Cell]:
    """Name every cell that claims and figures are about."""
    asked = dict.fromkeys(figure_cells())
    for claim in about:
        for reading in claim.readings:
            asked |= dict.fromkeys(needed(reading))
    return list(asked)


def figure_cells() -> Iterator[Cell]:
    """Yield the cells of Figures 1, 2 and 5."""
    for model in MODELS:
        for method in PAPER:
            yield Cell(model, method, RANK if METHODS[method].ranked else None, SIDE)
        for method in RANKED:
            for rank in RANKS:
                yield Cell(model, method, rank, SIDE)


def measure(context: Context) -> dict[str, Any]:
    """Measure every cell, and evaluate Figure 5's formulas at each rank."""
    asked = cells(claims())
    table = context.measure("claims", (cell.spec for cell in asked if cell.method != LAYER))
    return {"cells": _rows(asked, table), "ranks": _lines()}


def _rows(asked: Sequence[Cell], table: SuiteTable) -> list[dict[str, Any]]:
    found = {row.spec.key: row for row in table.rows}
    rows = []
    for cell in asked:
        if cell.method == LAYER:
            layer = layers.LAYERS[cell]
            rows.append(_row(cell, layers.predicted(layer), layers.measured(layer), ""))
        else:
            row = found[cell.spec.key]
            rows.append(_row(cell, row.predicted, row.measured, "" if row.kind == "equal" else row.verdict))
    return rows


def _row(
    cell: Cell, predicted: Mapping[str, float] | None, measured: Mapping[str, float] | None, fault: str
) -> dict[str, Any]:
    return {
        "cell": list(astuple(cell)),
        "predicted": dict(predicted) if predicted else None,
        "measured": dict(measured) if measured else None,
        "fault": fault,
    }


def evidence(data: Mapping[str, Any]) -> Evidence:
    """Return the cells that have both numbers, for the claims to be judged by."""
    known = [row for row in data["cells"] if row["predicted"] and row["measured"]]
    return Evidence(
        {Cell(*row["cell"]): row["measured"] for row in known}, {Cell(*row["cell"]): row["predicted"] for row in known}
    )


def faults(data: Mapping[str, Any]) -> list[str]:
    """Say which cells are not what was predicted, or have no number."""
    return [f"{' '.join(map(str, row['cell'][:2]))}: {row['fault']}" for row in data["cells"] if row["fault"]]


def _lines() -> list[dict[str, Any]]:
    """Evaluate the formulas of Figure 5 at every rank from the smallest to the largest."""
    return [_line(model, method) for model in MODELS for method in RANKED]


def _line(model: str, method: str) -> dict[str, Any]:
    setup = Cell(model, method, RANK, SIDE).spec.setup
    source = Source(setup, rehearsing=False)
    points = [{"N": 1, "H": SIDE, "W": SIDE, "r": rank} for rank in range(min(RANKS), max(RANKS) + 1)]
    costs = [source.derivation(request_at(setup, point)).formula.evaluate(point) for point in points]
    return {
        "model": model,
        "method": method,
        "total": [sum(cost[memory_key(group)] for group in GROUPS) for cost in costs],
        "step": [sum(cost[f"flops.paper.{phase}"] for phase in STEP.split("+")) for cost in costs],
        **_in_rank(source),
    }


def _in_rank(source: Source) -> dict[str, Any]:
    """Return the total as a function of the rank alone, and the ranks at which terms of it stop growing."""
    asked = request_at(source.setup, {"N": 1, "H": SIDE, "W": SIDE, "r": "r"})
    bound = source.derivation(asked).formula.bind({**asked.values})
    borders = sorted({size.number for size in bound.sizes.values() if size.number is not None})
    return {"formula": bound.sum_of_group_peaks(), "borders": borders}
