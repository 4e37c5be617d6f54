"""Every optimizer, loss, precision and way to save memory equals the real step."""

from __future__ import annotations

import pytest

import costmodel
from tests.cells import wrong_numbers
from validate.suites.suite import TABLE_MODELS, TRAININGS

METHOD_OF = dict(zip(TABLE_MODELS, ("lora", "fft"), strict=True))
TOGETHER = (
    {"optimizer": "adafactor", "dtype": "bfloat16", "accumulate": 2, "checkpoint": True},
    {"optimizer": "sgd_momentum", "loss": "cross_entropy", "autocast": "bfloat16", "checkpoint": True},
)


def label(training: dict) -> str:
    return "-".join(map(str, training.values()))


@pytest.mark.each(36)
@pytest.mark.parametrize("training", [*TRAININGS, *TOGETHER], ids=label)
@pytest.mark.parametrize("model", TABLE_MODELS)
def test_each_setting(model: str, training: dict) -> None:
    assert wrong_numbers(model, METHOD_OF[model], training=training, batch=2, height=70, width=97) == []


@pytest.mark.full
def test_checkpointing_keeps_fewer_activations_and_computes_them_again() -> None:
    plain = costmodel.estimate("resnet18", batch=4)
    saving = costmodel.estimate("resnet18", batch=4, training=costmodel.Training(checkpoint=True))
    assert saving.memory["groups"]["act"] < plain.memory["groups"]["act"]
    again = saving.flops["torch"]["backward"] - plain.flops["torch"]["backward"]
    assert 0 < again < plain.flops["torch"]["forward"]


def test_micro_batches_repeat_forward_and_backward_only() -> None:
    once = costmodel.estimate("resnet18", batch=2)
    thrice = costmodel.estimate("resnet18", batch=2, training=costmodel.Training(accumulate=3))
    assert thrice.flops["torch"]["forward"] == 3 * once.flops["torch"]["forward"]
    assert thrice.flops["torch"]["backward"] == 3 * once.flops["torch"]["backward"]
    assert thrice.flops["paper"]["optimizer"] == once.flops["paper"]["optimizer"]


@pytest.mark.parametrize(
    "training",
    [{"optimizer": "adamm"}, {"loss": "l1"}, {"dtype": "float16"}, {"autocast": "float32"}, {"accumulate": 0}],
)
def test_what_is_not_known_is_refused_by_name(training: dict) -> None:
    with pytest.raises(costmodel.InputError, match=str(next(iter(training.values())))):
        costmodel.estimate("resnet18", training=costmodel.Training(**training))


def test_galore_brings_its_own_optimizer() -> None:
    with pytest.raises(costmodel.InputError, match="--optimizer sgd: method 'galore' brings its galore_adamw"):
        costmodel.estimate("resnet18", "galore", training=costmodel.Training("sgd"))
