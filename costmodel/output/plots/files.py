"""A picture as a file: whole or not at all, and the same bytes for the same picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from costmodel.files import check_picture, replacing
from costmodel.output.plots.style import styled

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
    check_picture(path)
    ending = path.suffix.lower()
    drawn = BytesIO()  # a disk that is full while matplotlib writes to it leaves it in a state it cannot get out of
    figure.savefig(drawn, format=ending[1:], dpi=_DPI, metadata=_UNDATED[ending])
    with replacing(path) as temporary:
        temporary.write_bytes(drawn.getvalue())
