"""What the report measures is the real step, and what it has measured is not measured again."""

from __future__ import annotations

from pathlib import Path

import pytest

from validate.claims import Cell, layers
from validate.claims.models import mobilenet, mobilenet_standard
from validate.report.context import Context


def test_measuring_goes_through_the_journal(tmp_path: Path) -> None:
    told: list[str] = []
    context = Context(tmp_path, 1, lambda text, *_: told.append(text), {})
    cell = Cell("squeezenet1_1", "bn_head", None, 64)
    first = context.measure("few", [cell.spec, cell.spec])
    assert [row.kind for row in first.rows] == ["equal"]
    before = (tmp_path / "few.jsonl").read_bytes()
    assert [row.kind for row in context.measure("few", [cell.spec]).rows] == ["equal"]
    assert (tmp_path / "few.jsonl").read_bytes() == before
    assert told


@pytest.mark.parametrize(("model", "method"), [("mobilenet_v2_cifar", "bn_head"), ("resnet18_cifar", "lora")])
def test_networks_of_the_claims_are_equal(model: str, method: str, tmp_path: Path) -> None:
    cell = Cell(f"validate.claims.models:{model}", method, 4 if method == "lora" else None, 32)
    context = Context(tmp_path, 1, lambda *_: None, {})
    (row,) = context.measure("own", [cell.spec]).rows
    assert row.kind == "equal", row.verdict


def test_mobilenet_is_the_one_of_its_paper() -> None:
    """Howard et al., Tables 4: 4.2 and 29.3 million parameters, with 1,000 classes; here it has 10."""
    head = 1024 * 990 + 990
    wanted = {mobilenet: 4.2e6, mobilenet_standard: 29.3e6}
    for build, parameters in wanted.items():
        found = sum(parameter.numel() for parameter in build().parameters()) + head
        assert found == pytest.approx(parameters, rel=0.02)


def test_a_layer_is_counted_alike_by_instruments_and_rules() -> None:
    for layer in (*layers.LAYERS.values(), layers.layer(4, 8, 9, 0)):
        counts, seen = layers.predicted(layer), layers.measured(layer)
        for name in ("forward", "input", "weight"):
            assert seen[f"flops.paper.{name}"] == counts[f"flops.paper.{name}"]
            assert seen[f"kind.matmul.{name}"] == counts[f"flops.arithmetic.{name}"]
