"""A rule from outside the package: an operator that it does not know, and another cost for one that it does."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel
from costmodel.cell.setup import setup_of
from costmodel.rules import register, registry, unregister
from costmodel.sources.atlas import shipped

CUSTOM = "costmodel_tests::scaled"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    for name in {name for rules in registry._rules.values() for name in rules}:
        unregister(name)
    assert registry.state() == 0


@torch.library.custom_op(CUSTOM, mutates_args=())
def scaled(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    return x * factor


@scaled.register_fake
def _(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    return torch.empty_like(x)


def _keep(ctx, inputs, output) -> None:
    ctx.factor = inputs[1]


def _back(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
    return scaled(gradient, ctx.factor), None


scaled.register_autograd(_back, setup_context=_keep)


class Scaling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled(self.layer(x), 3.0)


def arithmetic(estimate: costmodel.Estimate, phase: str = "forward") -> int:
    return estimate.flops["arithmetic"][phase]


def test_an_operator_of_another_library_is_added() -> None:
    elements = 2 * 4 * 32 * 48
    ask = {"batch": 2, "height": 32, "width": 48}
    before = costmodel.estimate(Scaling(), **ask)
    assert before.unknown == {CUSTOM: 2}  # forward and backward
    register(CUSTOM, lambda call: call.out.numel * int(call.arg("factor")), arguments="x, factor=2.0")
    register(CUSTOM, 7, convention="paper")
    after = costmodel.estimate(Scaling(), **ask)
    assert not after.unknown
    for phase in ("forward", "backward"):
        assert arithmetic(after, phase) == arithmetic(before, phase) + 3 * elements
        assert after.flops["paper"][phase] == before.flops["paper"][phase] + 7 * elements
        assert after.flops["torch"][phase] == before.flops["torch"][phase]
    symbolic = costmodel.estimate(Scaling(), batch="N", height="H", width="W")
    assert symbolic.at(N=2, H=32, W=48).flops == after.flops
    unregister(CUSTOM)
    assert costmodel.estimate(Scaling(), **ask).unknown == before.unknown


@pytest.mark.parametrize("classes", [10, 3])
def test_another_cost_for_an_operator_that_the_package_knows(classes: int, empty_cache: Path) -> None:
    """Neither a formula that ships (10 classes) nor one on disk (3) answers with another rule's numbers."""
    model, ask = "alexnet", {"method": "fft", "resolution": 96, "classes": classes}
    before = costmodel.estimate(model, **ask)
    files = [*empty_cache.rglob("*.json")]
    assert bool(files) != bool(shipped(setup_of(model, "fft", classes=classes)))
    calls = costmodel.trace(model, **ask).record.calls
    rectified = sum(prod(call.outputs[0].shape) for call in calls if call.step == 0 and call.packet == "relu_")
    assert rectified > 0
    register("relu", 5)
    after = costmodel.estimate(model, **ask)
    assert arithmetic(after) == arithmetic(before) + 4 * rectified
    assert arithmetic(after, "backward") == arithmetic(before, "backward")
    assert before.at(resolution=96).flops == after.flops  # what an estimate has derived before is of other rules too
    assert [*empty_cache.rglob("*.json")] == files
    unregister("relu_")
    assert costmodel.estimate(model, **ask).flops == before.flops == after.at(resolution=96).flops


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda call: 1.5 * 2, "gives 3.0: expected a whole number of the sizes, or a mapping of matmul, svd, other"),
        (lambda call: {"flops": 1}, "gives {'flops': 1}: expected a whole number"),
        (lambda call: call.tensor("x").numel, "fails: LookupError: the arguments of '.*' are not known by name"),
    ],
)
def test_a_rule_that_is_none_is_named(rule, message: str) -> None:
    register(CUSTOM, rule)
    with pytest.raises(costmodel.TraceError, match=f"^the rule registered for '{CUSTOM}' {message}"):
        costmodel.estimate(Scaling(), batch=2, height=32, width=48)


def test_a_rule_that_compares_sizes_answers_at_a_point() -> None:
    register(CUSTOM, lambda call: 1 if call.out.numel > 5 else 2)
    assert costmodel.estimate(Scaling(), batch=2, height=32, width=48).domain["N"] == "N = 2"
    with pytest.raises(costmodel.TraceError, match="fails: TypeError: '>' not supported between"):
        costmodel.estimate(Scaling(), batch="N", height=32, width=48)


def test_a_rule_that_reads_a_size_from_a_number_is_found_out() -> None:
    """What a call is given as plain numbers stays as it was traced: a fresh trace shows that the formula is wrong."""
    register("native_group_norm", lambda call: call.arg("N"))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    assert costmodel.estimate(model, batch=2, height=32, width=48).domain["N"] == "N = 2"
    with pytest.raises(costmodel.LiftError, match=r"^no formula of .* holds"):
        costmodel.estimate(model, batch="N", height=32, width=48)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: register("gelu.default", 1), "operator 'gelu.default': expected a name without overload"),
        (lambda: register(7, 1), "operator 7: expected a name without overload"),
        (lambda: register("gelu", 1, convention="papers"), "unknown convention 'papers': did you mean paper?"),
        (lambda: register("gelu", -1), "flops of 'gelu': -1 is neither a whole number from 0 on nor a function"),
        (lambda: register("gelu", True), "flops of 'gelu': True is neither"),
        (lambda: register(CUSTOM, 1, arguments="x y"), f"arguments of '{CUSTOM}': expected names such as"),
        (lambda: register(CUSTOM, 1, arguments="x=open('f')"), f"arguments of '{CUSTOM}': expected names such as"),
        (lambda: register("mm", 1, arguments="a, b"), "arguments of 'mm': it takes self, mat2"),
        (lambda: unregister("gelu"), "unknown registered operator 'gelu'"),
    ],
)
def test_bad_input_is_refused_in_one_line(ask, message: str) -> None:
    with pytest.raises(costmodel.InputError) as raised:
        ask()
    assert str(raised.value).startswith(message)
    assert registry.state() == 0
