"""The closed forms of cells as one result: in each format, as data, coefficients and exponents, and as a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.algebra.formula import CostFormula
from costmodel.errors import shown
from costmodel.options import Name
from costmodel.output.export import c, latex, python, text
from costmodel.output.export.forms import EVERYTHING, ClosedForms, conditions, sizes_in
from costmodel.output.export.text import expression
from costmodel.results import INTEGER, TEXT, LeftOut, Several, frame

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Formulas(Several[ClosedForms]):
    """The closed forms of cells: a sequence of `ClosedForms`.

    Attributes:
        keys: which quantities are written as text.
        left_out: default methods that do not apply, with the reason.
    """

    SCHEMA: ClassVar[str] = "costmodel.formula/1"

    keys: tuple[str, ...] = EVERYTHING
    left_out: tuple[LeftOut, ...] = ()

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
            "left_out": [one._asdict() for one in self.left_out],
        }

    def text(self, form: str = "text") -> str:
        """Return them as the text of a file, in one of `FORMATS`.

        Raises:
            InputError: for a format that is none.
        """
        return FORMATS[FORMAT.check(f"format {shown(form)}", form)](self, self.keys)

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


def _json(cells: Sequence[ClosedForms], keys: Sequence[str]) -> str:
    """Write cells as one JSON object."""
    return Formulas(tuple(cells), tuple(keys)).to_json() + "\n"


Writer = Callable[[Sequence[ClosedForms], Sequence[str]], str]
"""From cells, and the quantities wanted of each, to the text of a file."""

FORMATS: Mapping[str, Writer] = {
    "text": text.write,
    "latex": latex.write,
    "python": python.write,
    "c": c.write,
    "json": _json,
}

FORMAT = Name("format", FORMATS)
"""One of them."""


def _region(formula: CostFormula, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "domain": formula.domain.describe(),
        "symbols": {name: size.text for name, size in sizes_in(formula, keys).items()},
        "texts": {key: expression(formula, key) for key in keys},
        "formula": formula.to_dict(),
        "lower_bound": formula.lower_bound,
    }
