"""Closed forms as JSON: coefficients and exponents for programs, the same as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.algebra.formula import CostFormula
from costmodel.output.export.forms import EVERYTHING, ClosedForms, conditions, sizes_in
from costmodel.output.export.text import expression
from costmodel.results import INTEGER, TEXT, Several, frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Formulas(Several[ClosedForms]):
    """The closed forms of cells: a sequence of `ClosedForms`.

    Attributes:
        keys: which quantities are written as text.
    """

    SCHEMA: ClassVar[str] = "costmodel.formula/1"

    keys: tuple[str, ...] = EVERYTHING

    def content(self) -> dict[str, Any]:
        """Return each cell's regions; ``formula`` of each and ``domain`` are what `CostFormula.from_dict` reads."""
        return {
            "cells": [
                {
                    "name": cell.name,
                    "heading": cell.heading,
                    "command": cell.command,
                    "versions": dict(cell.versions),
                    "regions": [_region(formula, self.keys) for formula in cell.formulas],
                }
                for cell in self
            ],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each quantity in each region of each cell: where it holds, and its formula as text."""
        rows = (
            {
                "cell": cell.name,
                "region": place,
                "domain": conditions(formula.domain),
                "quantity": key,
                "formula": expression(formula, key),
            }
            for cell in self
            for place, formula in enumerate(cell.formulas)
            for key in self.keys
        )
        words = dict.fromkeys(("cell", "region", "domain", "quantity", "formula"), TEXT)
        return frame(rows, {**words, "region": INTEGER})


def write(cells: Sequence[ClosedForms], keys: Sequence[str] = EVERYTHING) -> str:
    """Write cells as one JSON object."""
    return Formulas(tuple(cells), tuple(keys)).to_json() + "\n"


def _region(formula: CostFormula, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "domain": formula.domain.describe(),
        "symbols": {name: size.text for name, size in sizes_in(formula, keys).items()},
        "texts": {key: expression(formula, key) for key in keys},
        "formula": formula.to_dict(),
    }
