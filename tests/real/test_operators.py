"""torch's own operator database: what the CPU does is what the tracer sees, or the operator is refused by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from costmodel.tracing.cpu import ANSWERED, COMPOSITES, CORRECTED, MEASURED, SPARSE
from costmodel.tracing.memo import ShapeMemo
from validate.operators.database import entries, name_of
from validate.operators.verdicts import judged

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"
MOST = 12
"""Runs of an entry; benchmarks/operators.py makes all."""


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading of the page, by its first column."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = section.strip().splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in cells}


@cache
def database() -> dict[str, Any]:
    return {name_of(entry): entry for entry in entries()}


@pytest.mark.each(140)
@pytest.mark.parametrize("name", sorted(rows("Every entry")))
def test_an_entry_is_equal_or_refused(name: str) -> None:
    found = judged(database()[name], ShapeMemo(), most=MOST)
    assert found.word != "different", found.first
    assert not found.refused or rows("Every entry")[name][1] == "refused"


def test_the_page_has_every_entry_and_none_is_different() -> None:
    page = rows("Every entry")
    if torch.__version__.startswith("2.13"):
        assert page.keys() == database().keys()
    assert {row[1] for row in page.values()} <= {"equal", "refused", "not run"}


def test_the_page_has_every_correction() -> None:
    known = {name.removeprefix("aten.") for table in (CORRECTED, ANSWERED, SPARSE, MEASURED) for name in table}
    assert rows("Corrected").keys() == known | {function.__name__ for function in COMPOSITES}
