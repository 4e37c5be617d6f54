"""Modules as people write them: equal on the real step, or refused in one line that says why."""

from __future__ import annotations

import pytest

import costmodel
from costmodel import Rehearsal, Training
from tests.real import failed
from tests.real.habits import HABITS

REFUSED = {
    "SparseEmb": "Adam does not support sparse gradients",
    "Unique": "DynamicOutputShapeException: aten._unique2",
    "NonZero": "DynamicOutputShapeException: aten.nonzero",
}


@pytest.mark.each(9)
@pytest.mark.parametrize("name", HABITS)
def test_a_habit(name: str) -> None:
    make, inputs, batch, method, training = HABITS[name]
    ask = {"inputs": inputs, "batch": batch, "training": training}
    if name in REFUSED:
        with pytest.raises(costmodel.TraceError, match=REFUSED[name]) as refused:
            costmodel.estimate(make, method, **ask)
        assert "\n" not in str(refused.value)
        return
    found = costmodel.validate(make, method, **ask)
    assert [row for row in found.rows if row.difference] == []
    assert {row.instrument for row in found.rows} >= {"recorder", "second recorder"}


@pytest.mark.parametrize("name", failed.RIGHT)
def test_inputs_that_failed(name: str) -> None:
    """The right values are what somebody else's recorder measured on the real step."""
    found = costmodel.estimate(getattr(failed, name), inputs="3x24x31", batch=2)
    numbers = {**found.memory["groups"], "peak": found.memory["peak"]}
    assert {group: numbers[group] for group in failed.RIGHT[name]} == failed.RIGHT[name]
    assert found.rehearsal == {"equal": True, "point": found.rehearsal["point"], "reason": None}


@pytest.mark.parametrize(
    ("make", "inputs", "ask"),
    [
        (failed.autoencoder, "640", {"batch": 8}),
        (failed.argout, "3x32x32", {"training": Training(loss="cross_entropy")}),
        (failed.dataclass_output, "3x32x32", {}),
        (failed.cumulative, "3x32x32", {"batch": 2}),
        (failed.fake_quantised, "3x32x32", {"batch": 2}),
        (failed.depthwise, "1x49x10", {"batch": 4, "methods": "bitfit"}),
        (failed.experts, "16", {"batch": 4, "methods": "galore"}),
        (failed.checkpointed, "3x32x32", {"batch": 2}),
        (failed.Ctc, "16x50,12:int64", {"batch": 2}),
    ],
)
def test_modules_that_failed(make, inputs: str, ask) -> None:
    ask = dict(ask)
    found = costmodel.validate(make, ask.pop("methods", "fft"), inputs=inputs, **ask)
    assert [row for row in found.rows if row.difference] == []


@pytest.mark.parametrize(("mode", "peak"), [("as-is", 10_345_620), ("train", 10_348_180)])
def test_parts_in_eval_mode_stay_there(mode: str, peak: int) -> None:
    found = costmodel.estimate(failed.frozen_norm, inputs="3x96x96", batch=8, training=Training(train_mode=mode))
    assert (found.memory["peak"] == peak) == (mode == "as-is")
    assert ("eval" in found.found) == (mode == "as-is")
    assert found.found["frozen"] == {"BatchNorm2d": 6}


def test_step_0_stands_apart_where_it_is_another() -> None:
    found = costmodel.estimate(failed.fake_quantised, inputs="3x32x32", batch=2)
    flops = found.flops["paper"]
    assert flops["forward_first"] < flops["forward"]
    assert flops["backward_first"] == flops["backward"]
    assert "forward_first" not in costmodel.estimate("resnet18").flops["paper"]


def test_what_a_sweep_says_is_what_an_estimate_says() -> None:
    """A branch on the batch leaves no sign at another batch."""
    found = costmodel.sweep(failed.BranchOnBatch, "fft", inputs="3x24x31", batch="1:9").to_frame()
    alone = [costmodel.estimate(failed.BranchOnBatch, inputs="3x24x31", batch=n).memory["peak"] for n in range(1, 10)]
    assert list(found["memory.peak"]) == alone
    assert alone[3] > alone[4]
    with pytest.raises(costmodel.LiftError):
        costmodel.estimate(failed.BranchOnBatch, inputs="3x24x31", batch="N")


def test_a_rank_saturates_at_sides_beyond_every_rank_that_is_traced() -> None:
    found = costmodel.sweep(failed.Wide, "galore", inputs="3x24x31", rank=[9000, 12000, 12500, 13000]).to_frame()
    first, *others = found["memory.peak"]
    assert first < others[0] == others[1] == others[2]


class TestRehearsal:
    def test_it_can_be_left_out(self) -> None:
        ask = {"inputs": "3x24x31", "batch": 2}
        assert costmodel.estimate(failed.Mish, **ask, rehearsal=Rehearsal(no_rehearsal=True)).rehearsal is None
        assert costmodel.estimate("resnet18").rehearsal is None

    @pytest.mark.parametrize(
        ("limits", "reason"),
        [({"rehearsal_memory": "1KiB"}, "more than 1KiB"), ({"rehearsal_seconds": 1e-3}, "more than 0.001 s")],
    )
    def test_what_it_may_cost(self, limits, reason: str) -> None:
        found = costmodel.estimate(failed.Mish, inputs="3x24x31", rehearsal=Rehearsal(**limits))
        assert found.rehearsal["equal"] is False
        assert reason in found.rehearsal["reason"]

    def test_a_step_that_fails_for_real_is_told(self) -> None:
        found = costmodel.estimate(failed.Fails, inputs="3x24x31")
        assert "the real step fails, ValueError: not with such pixels" in found.rehearsal["reason"]

    def test_a_kernel_that_lies_is_refused_with_the_operator(self) -> None:
        with pytest.raises(
            costmodel.TraceError, match=r"its real step and its trace part, at operator \d+: lying.twice.default"
        ):
            costmodel.estimate(failed.Lies, inputs="3x24x31", batch=2)


def test_default_methods_that_do_not_apply_are_left_out_with_the_reason() -> None:
    found = costmodel.compare(failed.tcn, inputs="9x128")
    assert [side.estimate.method for side in found] == ["fft", "lora", "dora", "galore"]
    (missing,) = found.left_out
    assert (missing.method, "needs a head" in missing.reason) == ("bn_head", True)
    assert found[1].estimate.found["adapted"] == {"Conv1d": 2}
    with pytest.raises(costmodel.InputError, match="needs a head"):
        costmodel.compare(failed.tcn, "bn_head", inputs="9x128")


def test_an_operator_without_a_rule_says_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    ask = {"inputs": "3x64x64"}
    assert costmodel.estimate(failed.FourierFilter, **ask).to_dict()["lower_bound"]
    assert all(cell["lower_bound"] for cell in costmodel.compare(failed.FourierFilter, "fft", **ask).to_dict()["cells"])
    assert costmodel.sweep(failed.FourierFilter, "fft", **ask).to_dict()["rows"][0]["lower_bound"]
    assert costmodel.size(failed.FourierFilter, "fft", memory="1MiB", **ask).to_frame()["lower_bound"].all()
    assert costmodel.layers(failed.FourierFilter, **ask).lower_bound
    assert "at least" in costmodel.formula(failed.FourierFilter, "fft", **ask).text()
    assert not costmodel.estimate(failed.Mish, inputs="3x24x31").lower_bound
