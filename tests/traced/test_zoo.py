"""Formulas of the zoo against the committed measurements of the real step: the journal of `costmodel validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costmodel.cell.request import request
from costmodel.sources.source import Source
from validate.cell import CellSpec

pytestmark = pytest.mark.usefixtures("derived")

JOURNAL = Path(__file__).parents[2] / "docs" / "validation" / "zoo.jsonl"
RECORDS = [json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines()]
SMALL = ("alexnet", "convnext_tiny", "googlenet", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "vit_b_32")


def predicted(spec: CellSpec) -> dict[str, int]:
    point = spec.point
    asked = request(spec.setup, rank=point.get("r"), batch=point["N"], height=point["H"], width=point["W"])
    return Source(spec.setup).derivation(asked).formula.evaluate(point)


def test_the_journal_has_every_cell_at_two_points() -> None:
    cells = [CellSpec(**json.loads(record["cell"])) for record in RECORDS]
    assert len(cells) == 800
    assert len({(cell.model, cell.method) for cell in cells}) == 400
    assert not [record["failed"] for record in RECORDS if "failed" in record]


@pytest.mark.each(18)
@pytest.mark.parametrize(
    "record",
    [r for r in RECORDS if json.loads(r["cell"])["model"] in SMALL and json.loads(r["cell"])["point"]["N"] == 2],
    ids=lambda r: "-".join(json.loads(r["cell"])[name] for name in ("model", "method")),
)
def test_formulas_equal_the_real_steps(record: dict) -> None:
    numbers = predicted(CellSpec(**json.loads(record["cell"])))
    assert {name: numbers[name] for name in record["measured"]} == record["measured"]
