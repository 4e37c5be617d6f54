"""What ships equals what the real steps measured, and answers without torch."""

from __future__ import annotations

import json
from pathlib import Path

from costmodel.cell.request import request_at
from costmodel.sources.source import Source, covers
from validate.suites.suite import cells

JOURNAL = Path(__file__).parents[2] / "docs" / "validation" / "zoo.jsonl"


def test_shipped_formulas_equal_the_real_steps_of_the_zoo() -> None:
    """The journal of 800 real steps; sides that have no closed form (Swin's) do not ship."""
    measured = {}
    for line in JOURNAL.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        measured[record["cell"]] = record["measured"]
    compared = 0
    for spec in cells("zoo"):
        asked = request_at(spec.setup, dict(spec.point))
        formula = next((d.formula for d in Source(spec.setup).shipped if covers(d.formula, asked)), None)
        if formula is not None:
            predicted = formula.evaluate(asked.numbers)
            numbers = measured[spec.key]
            assert {key: predicted[key] for key in numbers} == numbers, spec
            compared += 1
    assert compared == 735
