"""The kernel study as a section: which convention the clock obeys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any

from costmodel.errors import InputError
from costmodel.terminal.tables import Table
from validate.report.context import Context
from validate.report.document import Block, Gallery, Grid, Picture, Prose

if TYPE_CHECKING:
    from validate.host.kernels import KernelStudy

LARGEST = 10
"""Matrices that are shown; the command shows all."""

COMMAND = "python benchmarks/kernels.py --output docs/validation"


def measure(context: Context) -> dict[str, Any]:
    """Time the kernels, in this process and with one thread.

    Raises:
        InputError: where the study is not part of this installation.
    """
    if find_spec("validate.host.kernels") is None:
        raise InputError("validate.host.kernels is not installed")
    from validate.host.kernels import study

    context.say("timing convolutions and SVDs", 0, 1)
    return study().to_dict()


def blocks(data: Mapping[str, Any]) -> Iterator[Block]:
    """Lay out what each convention explains, and the SVDs."""
    from validate.host.kernels import KernelStudy
    from validate.host.kernels_table import svds, verdicts

    found = KernelStudy.from_dict(dict(data))
    yield Prose(
        "Seconds of the weight gradient over seconds of the forward product of the same layer, one thread, median of "
        "the layers of a kind; beside it the ratio that each convention predicts, the median factor between the two, "
        "the highest rate that the convention implies, and how many weight gradients would have run more than a "
        "tenth faster than a "
        f"large matrix product does on this machine, {found.peak / 1e9:,.0f} GFLOP/s."
    )
    yield _grid("Weight gradient over forward product", verdicts(found))
    yield Gallery((_picture(found),))
    yield Prose(
        "GaLore's SVD beside the product of the same matrix with its own transpose. `torch` and `paper` count the SVD"
        " as nothing; the clock does not."
    )
    yield _grid(
        f"SVD and matrix product: the {LARGEST} largest of {len(found.svds)} matrices",
        svds(found, LARGEST),
    )


def _picture(found: KernelStudy) -> Picture:
    """Draw the study as its own command does; letters stay letters, which keeps the page small."""
    from matplotlib import rc_context

    from validate.host.kernels_figure import figure

    text = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "costmodel"}):
        figure(found).savefig(text, format="svg", metadata={"Date": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", text.getvalue()[text.getvalue().index("<svg") :], flags=re.DOTALL)
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    told = "; ".join(
        f"{row.kind} {row.measured:.2f} measured, {row.predicted:.2f} by {row.convention}" for row in found.verdicts
    )
    return Picture(
        "kernels",
        "Weight gradients over the groups: time, and implied rate",
        svg,
        f"Two scatter plots. {told}.",
        wide=True,
    )


def _grid(caption: str, table: Table) -> Grid:
    rows = tuple(row.cells for row in table.rows)
    return Grid(caption, table.columns, rows, frozenset(range(table.left, len(table.columns))))
