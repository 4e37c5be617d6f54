"""docs/depthwise.md: every table is made again, every quoted line is torch's own."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils import flop_counter

from costmodel import compare
from costmodel.cell.request import request_at
from costmodel.contract import CONVENTIONS, STEP_PHASES
from costmodel.methods import METHODS
from costmodel.sources.source import Source
from validate.claims import Evidence, claims, judge, layers
from validate.claims.quantity import LAYER, needed
from validate.claims.verdict import shown
from validate.host.kernels import PRODUCTS, KernelStudy
from validate.host.kernels_table import verdicts

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "depthwise.md"
STUDY = ROOT / "docs" / "validation" / "kernels.json"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- /generated -->)", re.DOTALL)
QUOTED = re.compile(r"<!-- quoted from torch/utils/flop_counter.py -->\n(.*?)<!-- /quoted -->", re.DOTALL)
MODELS = ("mobilenet_v2", "mobilenet_v3_small", "resnet18")
ABOUT = ("depthwise-20-v2", "depthwise-20-v3", "adapters-1.2", "adapters-95", "adapters-flops-v3", "depthwise-10")


def table(columns: tuple[str, ...], rows: Iterator[tuple[str, ...]], left: int = 1) -> str:
    rules = ["---" if at < left else "---:" for at in range(len(columns))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (columns, rules, *rows))


def the_layers() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for name, layer in (
            ("2 channels of 4 x 4", layers.layer(2, 2, 4, 0)),
            ("96 channels of 56 x 56", layers.layer(96)),
        ):
            counts, seen = layers.predicted(layer), layers.measured(layer)
            for product in PRODUCTS:
                assert seen[f"kind.matmul.{product}"] == counts[f"flops.arithmetic.{product}"]
                assert seen[f"flops.paper.{product}"] == counts[f"flops.paper.{product}"]
                yield (name, product, *(f"{counts[f'flops.{how}.{product}']:,}" for how in CONVENTIONS))

    return table(("layer", "product", *CONVENTIONS), rows(), 2)


def the_kernels() -> str:
    found = verdicts(KernelStudy.from_dict(json.loads(STUDY.read_text(encoding="utf-8"))))
    return table(found.columns, (row.cells for row in found.rows), found.left)


def the_claims() -> str:
    chosen = [claim for claim in claims() if claim.id in ABOUT]
    cells = dict.fromkeys(cell for claim in chosen for reading in claim.readings for cell in needed(reading))
    costs = {}
    for cell in cells:
        assert cell.method != LAYER
        setup = cell.spec.setup
        asked = request_at(setup, dict(cell.spec.point))
        costs[cell] = Source(setup).derivation(asked).formula.evaluate(cell.spec.point)
    evidence = Evidence(costs, costs)  # the tests of the cells say that the real step measures the same

    def rows() -> Iterator[tuple[str, ...]]:
        for claim in chosen:
            one = judge(claim, evidence)
            assert one.chosen is not None
            read = f" ({one.chosen.reading.label})" if one.chosen.reading.label else ""
            numbers = (shown(found, claim.published) for found in (one.chosen.measured, one.chosen.truth))
            yield (claim.about + read, claim.published.text, *numbers, one.verdict)

    return table(("claim", "published", "by the published rules", "arithmetic", "verdict"), rows(), 5)


def the_savings() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for model in MODELS:
            sides = {how: compare(model, convention=how) for how in ("paper", "arithmetic")}
            for at, side in enumerate(sides["paper"]):
                method = side.estimate.method
                if method == "fft":
                    continue
                saved = (100 - 100 * sides[how][at].ratios["step"] for how in sides)
                yield (model, method, *(f"{value:.1f}%" for value in saved))

    return table(("model", "method", "by the published rules", "arithmetic"), rows(), 2)


BLOCKS = {"layers": the_layers, "kernels": the_kernels, "claims": the_claims, "savings": the_savings}


@pytest.mark.parametrize("name", BLOCKS)
def test_every_table_is_what_is_found(name: str, request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--regenerate"):
        renewed = BLOCK.sub(lambda match: match[1] + BLOCKS[name]() + match[4] if match[2] == name else match[0], text)
        PAGE.write_text(renewed, encoding="utf-8")
    else:
        assert {match[2]: match[3] for match in BLOCK.finditer(text)}[name] == BLOCKS[name]()


def test_quoted_lines_are_of_the_installed_torch() -> None:
    source = inspect.getsource(flop_counter)
    quotes = [code for part in QUOTED.findall(PAGE.read_text(encoding="utf-8")) for code in part.split("```")]
    codes = [code.removeprefix("python\n") for code in quotes if code.startswith("python\n")]
    assert len(codes) == 4
    for code in codes:
        assert code in source


def test_what_is_said_of_torch_and_of_savings() -> None:
    source = " ".join(inspect.getsource(flop_counter.conv_backward_flop).split())
    assert "transpose of the batch/channel dimensions and groups, but I skip those for the sake of brevity" in source
    assert source.count("_groups") == 1
    for model in MODELS:
        sides = {side.estimate.method: side for side in compare(model)}
        assert 0.6 < 1 - sides["bn_head"].ratios["step"] < 0.7
        for adapter in ("lora", "dora"):
            assert 0.1 < 1 - sides[adapter].ratios["step"] < 0.35
    kinds = compare("mobilenet_v2", ["fft"])[0].estimate.flops["arithmetic"]["by_kind"]
    assert f"is {kinds['backward']['matmul'] / kinds['forward']['matmul']:.2f}." in PAGE.read_text(encoding="utf-8")
    assert set(STEP_PHASES) == {"forward", "backward", "optimizer"}
    assert METHODS["galore"].refreshes
