"""The costs of the modules add up to the step's, and each belongs to the module it is said to belong to."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from costmodel.algebra.formula import flops_key, memory_key
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.contract import CONVENTIONS, PHASES, Point
from costmodel.questions.layers import LayerCost, depth_of, folded, in_order, layers, rolled, total
from costmodel.terminal.cli import main
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.protocol import adapted_model
from costmodel.tracing.record import BIRTH, DEATH, StepRecord
from costmodel.tracing.step import record_step
from tests.lines import printed

CELLS: dict[str, tuple[str, str, dict[str, Any], Point]] = {
    "fft": ("mobilenet_v2", "fft", {}, Point(2, 97, 161, None)),
    "lora": ("mobilenet_v2", "lora", {}, Point(1, 96, 96, 4)),
    "galore": ("mobilenet_v2", "galore", {}, Point(1, 65, 64, 3)),
    "dora": ("resnet18", "dora", {}, Point(2, 64, 96, 4)),
    "bn_head": ("mobilenet_v3_small", "bn_head", {}, Point(2, 96, 96, None)),
    "plain": ("resnet18", "fft", {"autocast": "bfloat16"}, Point(2, 64, 64, None)),
    "checkpoint": ("resnet18", "fft", {"autocast": "bfloat16", "checkpoint": True}, Point(2, 64, 64, None)),
    "accumulate": ("resnet18", "fft", {"accumulate": 2, "optimizer": "sgd_momentum"}, Point(2, 64, 64, None)),
    "vit": ("vit_b_16", "fft", {}, Point(1, 32, 32, None)),
}


@cache
def cell(name: str) -> tuple[Setup, Point, StepRecord]:
    model, method, training, point = CELLS[name]
    setup = setup_of(model, method, training=Training(**training))
    return setup, point, record_step(setup, point)


@cache
def costs(name: str, convention: str = "arithmetic") -> dict[str, LayerCost]:
    return {cost.path: cost for cost in layers(cell(name)[2], convention)}


def _alive(record: StepRecord, group: str, events: int) -> int:
    """Add up what a group holds after a number of events, one storage at a time."""
    live: dict[int, tuple[int, str]] = {}
    for event in record.events[:events]:
        nbytes, _ = live.pop(event.storage, (0, ""))
        if event.kind != DEATH:
            live[event.storage] = (event.nbytes if event.kind == BIRTH else nbytes, event.group)
    return sum(nbytes for nbytes, at in live.values() if at == group)


@pytest.mark.each(4)
@pytest.mark.parametrize("name", CELLS)
def test_the_sums_are_the_totals(name: str) -> None:
    record = cell(name)[2]
    expected = add_up(record)
    for convention in CONVENTIONS:
        whole = total(costs(name, convention).values())
        assert whole.flops == {phase: expected[flops_key(convention, phase)] for phase in PHASES}
    assert whole.flops["forward"] > 0
    assert whole.param == expected[memory_key("param")] > 0
    assert whole.grad == expected[memory_key("grad")] > 0
    backward = next(index for index, call in enumerate(record.calls) if call.phase == "backward")
    assert whole.saved == _alive(record, "act", record.calls[backward - 1].events) > 0
    assert len(costs(name)) > 20
    assert costs(name).keys() <= record.modules.keys()


@pytest.mark.parametrize("name", CELLS)
def test_every_parameter_counts_for_the_module_that_has_it(name: str) -> None:
    setup, point, _ = cell(name)
    model = adapted_model(setup, point, "meta")
    seen = 0
    for full, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        path = full.removeprefix("base_model.model.") if full.startswith("base_model") else full
        if own:
            trained = [parameter for parameter in own if parameter.requires_grad]
            row = costs(name)[path]
            assert row.param == sum(p.numel() * p.element_size() for p in own)
            gradients = sum(p.numel() * p.element_size() for p in trained)
            # One image: the class token's gradient is a view of the gradient of all 5 tokens.
            assert row.grad == (5 * gradients if (name, path) == ("vit", "") else gradients)
            assert row.kind == type(module).__name__
            seen += 1
    assert seen == sum(row.param > 0 for row in costs(name).values()) > 20


@pytest.mark.parametrize("name", ["fft", "lora", "dora", "bn_head", "plain", "checkpoint"])
def test_adamw_works_on_each_module_in_proportion_to_what_it_trains(name: str) -> None:
    setup, point, _ = cell(name)
    checked = 0
    for full, module in adapted_model(setup, point, "meta").named_modules():
        trained = [p for p in module.parameters(recurse=False) if p.requires_grad]
        row = costs(name).get(full.removeprefix("base_model.model."))
        if row is not None and not full.startswith("base_model.base_model"):
            # 14 FLOPs for each element (docs/conventions.md), and one for each parameter's step counter.
            expected = 14 * sum(p.numel() for p in trained) + len(trained)
            assert row.flops["optimizer"] == row.flops["optimizer_first"] == expected
            checked += bool(trained)
    assert checked >= (2 if name == "bn_head" else 20)


def test_galore_decomposes_the_matrices_and_only_in_step_0() -> None:
    rows = costs("galore")
    convolutions = [row for row in rows.values() if row.kind in ("Conv2d", "Linear")]
    norms = [row for row in rows.values() if row.kind == "BatchNorm2d"]
    assert len(convolutions) == 53
    assert len(norms) == 52
    assert all(row.flops["optimizer_first"] > row.flops["optimizer"] > 0 for row in convolutions)
    assert all(row.flops["optimizer_first"] == row.flops["optimizer"] > 0 for row in norms)
    assert rows[""].flops["optimizer_first"] == 0


def test_the_gradient_of_an_operator_in_place_belongs_to_its_module() -> None:
    rows = [row for row in costs("fft").values() if row.kind == "ReLU6"]
    assert len(rows) == 35
    assert all(row.flops["backward"] > 0 for row in rows)


def test_recomputation_is_part_of_the_backward_pass_of_the_module_that_is_run_again() -> None:
    plain, again = costs("plain"), costs("checkpoint")
    convolutions = [path for path, row in plain.items() if row.kind == "Conv2d" and path.startswith("layer")]
    assert len(convolutions) == 19
    for path in convolutions:
        assert again[path].flops["forward"] == plain[path].flops["forward"]
        assert again[path].flops["backward"] == plain[path].flops["backward"] + plain[path].flops["forward"]
    assert again["conv1"].flops == plain["conv1"].flops  # in no block
    assert sum(row.saved for row in again.values()) < sum(row.saved for row in plain.values())


def test_gradients_that_are_added_up_belong_to_their_parameters_module() -> None:
    rows = costs("accumulate")
    adding = cell("accumulate")[2]
    assert sum(call.packet == "add_" and call.phase == "backward" and not call.module for call in adding.calls) > 60
    assert rows[""].flops["backward"] < 10  # the loss


@pytest.mark.parametrize("name", ["fft", "dora", "vit"])
def test_rolled_rows_include_what_is_below_them(name: str) -> None:
    record = cell(name)[2]
    own = tuple(costs(name).values())
    rows = {row.path: row for row in rolled(own, None, record.modules)}
    assert len(rows) > len(own)
    for path, row in rows.items():
        below = [cost for cost in own if cost.path == path or (path and cost.path.startswith(f"{path}."))]
        assert (row.flops, row.param, row.grad, row.saved) == (
            {phase: sum(cost.flops[phase] for cost in below) for phase in PHASES},
            *(sum(getattr(cost, column) for cost in below) for column in ("param", "grad", "saved")),
        )
        assert row.kind == record.modules[path]
    for depth in (1, 2, 3):
        shown = rolled(own, depth, record.modules)
        assert [row.path for row in shown] == [path for path in rows if depth_of(path) <= depth]
        assert total(row for row in shown if "." not in row.path) == total(own)


@pytest.mark.parametrize("name", ["fft", "dora", "vit"])
def test_folded_rows_add_up_at_every_depth(name: str) -> None:
    own = tuple(costs(name).values())
    sizes = [len(folded(own, depth)) for depth in (1, 2, 3)]
    assert sizes == sorted(set(sizes))
    for depth in (1, 2, 3, None):
        assert total(folded(own, depth)) == total(own)
        assert all(depth is None or depth_of(row.path) <= depth for row in folded(own, depth))
    assert folded(own) == own


def test_a_tree_keeps_families_together() -> None:
    rows = rolled(tuple(costs("fft").values()))
    paths = [row.path for row in rows]
    assert paths[:4] == ["features", "features.0", "features.0.0", "features.0.1"]
    assert paths[-1] == ""
    by_size = in_order(rows, lambda row: row.param)
    assert [row.path for row in by_size] != paths
    for position, row in enumerate(by_size):
        family = [r.path for r in rows if row.path and r.path.startswith(f"{row.path}.")]
        following = [r.path for r in by_size[position + 1 : position + 1 + len(family)]]
        assert sorted(following) == sorted(family)
    blocks = [row.param for row in by_size if row.path.startswith("features.") and depth_of(row.path) == 2]
    assert len(blocks) == 19
    assert blocks == sorted(blocks, reverse=True)


# -- the command ---------------------------------------------------------------------------------------------------

BN_HEAD = "layers mobilenet_v3 --method bn_head --batch 2 --resolution 96"


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(f"{BN_HEAD} --flat --depth all --convention torch", capsys)
    rows = costs("bn_head", "torch")
    assert [row["path"] for row in found["modules"]] == list(rows)
    assert all(row["flops"] == rows[row["path"]].flops for row in found["modules"])
    for column in ("param", "grad", "saved"):
        assert sum(row[column] for row in found["modules"]) == found["total"][column] > 0


def test_the_command_sorts(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(f"{BN_HEAD} --sort param", capsys)
    params = [row["param"] for row in found["modules"]]
    assert params == sorted(params, reverse=True)
    assert sum(params) == found["total"]["param"]
    assert len(params) > 10


def test_the_command_prints_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(BN_HEAD.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split("  ")[0] for line in lines]
    assert {"features", "classifier", "(step)", "total"} <= set(names)
    assert any(line.startswith("  0  ") and "Conv2dNormActivation" in line for line in lines)


@pytest.mark.parametrize(
    "wrong", [["--depth", "0"], ["--sort", "weight"], ["--convention", "flops"], ["--resolution", "S"]]
)
def test_bad_input_is_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "resnet18", *wrong]) == 2
    complaint = capsys.readouterr().err.splitlines()
    assert len(complaint) == 1
    assert wrong[1] in complaint[0]
