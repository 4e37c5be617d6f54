"""``costmodel models`` and ``costmodel methods``."""

from __future__ import annotations

import sys

import costmodel
from costmodel.errors import InputError
from costmodel.methods import METHODS
from costmodel.questions.names import Names
from costmodel.terminal.console import one_line, print_json
from costmodel.terminal.declared import AsJson
from costmodel.terminal.tables import Row, Table, show


def models(as_json: AsJson = False) -> None:
    """List the models known by name."""
    _names(costmodel.models(), as_json)


def methods(as_json: AsJson = False) -> None:
    """List the fine-tuning methods; what other packages bring and cannot be used is said on standard error."""
    from costmodel.methods.packages import all_brought

    for found in all_brought(METHODS):
        if isinstance(found, InputError):
            print(f"costmodel: {one_line(str(found))}", file=sys.stderr)
    _names(costmodel.methods(), as_json)


def _names(names: Names, as_json: bool) -> None:
    if as_json:
        print_json(names)
    else:
        show([Table((names.KIND, "about"), tuple(map(Row, names.items())), left=2)])
