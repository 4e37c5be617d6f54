"""Closed forms as text, LaTeX, Python, C99 and JSON: each format is a pure function to a string."""

from __future__ import annotations

from costmodel.output.export.forms import EVERYTHING, QUANTITY, SELECTIONS, ClosedForms
from costmodel.output.export.formulas import FORMAT, FORMATS, Formulas, Writer

__all__ = ["EVERYTHING", "FORMAT", "FORMATS", "QUANTITY", "SELECTIONS", "ClosedForms", "Formulas", "Writer"]
