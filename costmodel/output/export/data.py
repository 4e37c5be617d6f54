"""Closed forms as JSON: coefficients and exponents for programs, the same as text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from costmodel.algebra.formula import CostFormula
from costmodel.output.export.forms import EVERYTHING, ClosedForms, sizes_in
from costmodel.output.export.text import expression

SCHEMA = "costmodel.formula/1"


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as one JSON object.

    ``formula`` of each region is what `CostFormula.from_dict` reads back, whichever quantities are written as text.
    """
    data = {
        "schema": SCHEMA,
        "cells": [
            {
                "name": cell.name,
                "heading": cell.heading,
                "command": cell.command,
                "versions": dict(cell.versions),
                "regions": [_region(formula, keys) for formula in cell.formulas],
            }
            for cell in cells
        ],
    }
    return json.dumps(data) + "\n"


def _region(formula: CostFormula, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "domain": formula.domain.describe(),
        "symbols": {name: size.text for name, size in sizes_in(formula, keys).items()},
        "texts": {key: expression(formula, key) for key in keys},
        "formula": formula.to_dict(),
    }
