"""``costmodel models`` and ``costmodel methods``."""

from __future__ import annotations

import costmodel
from costmodel.terminal.arguments import AsJson
from costmodel.terminal.console import print_json
from costmodel.terminal.tables import Row, Table, show


def models(as_json: AsJson = False) -> None:
    """List the models known by name."""
    _names("model", costmodel.models(), as_json)


def methods(as_json: AsJson = False) -> None:
    """List the fine-tuning methods."""
    _names("method", costmodel.methods(), as_json)


def _names(title: str, rows: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        show([Table((title, "about"), tuple(map(Row, rows.items())), left=2)])
