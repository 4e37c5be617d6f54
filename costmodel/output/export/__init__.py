"""Closed forms as text, LaTeX, Python, C99 and JSON: each format is a pure function to a string."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from costmodel.output.export import c, data, latex, python, text
from costmodel.output.export.forms import EVERYTHING, SELECTIONS, ClosedForms

__all__ = ["EVERYTHING", "FORMATS", "SELECTIONS", "ClosedForms"]

Writer = Callable[[Sequence[ClosedForms], Sequence[str]], str]
"""From cells, and the quantities wanted of each, to the text of a file."""

FORMATS: Mapping[str, Writer] = {
    "text": text.write,
    "latex": latex.write,
    "python": python.write,
    "c": c.write,
    "json": data.write,
}
