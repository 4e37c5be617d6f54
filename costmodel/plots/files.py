"""A picture as a file: whole or not at all, and the same bytes for the same picture."""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.figure import Figure

from costmodel.errors import InputError
from costmodel.plots.style import styled

ENDINGS = (".svg", ".png", ".pdf")
_DPI = 160
_UNDATED = {".svg": {"Date": None}, ".png": {}, ".pdf": {"CreationDate": None}}
"""Metadata without a date, which would make two equal pictures differ."""


@styled
def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as SVG, PNG or PDF, by the ending of the file's name.

    A reader sees the old file or the new one, never half of it.

    Raises:
        InputError: for another ending.
        OSError: when the folder cannot be written; nothing is left behind.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"picture '{path}': unknown ending '{path.suffix}'; accepted: {', '.join(ENDINGS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(temporary, format=ending[1:], dpi=_DPI, metadata=_UNDATED[ending])
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
