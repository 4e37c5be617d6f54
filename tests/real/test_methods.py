"""Methods beyond the paper's five, their options, and peft's own configuration objects equal the real step."""

from __future__ import annotations

import pytest
from torch import nn

import costmodel
from costmodel.cell.setup import setup_of
from costmodel.compat import careful_imports
from costmodel.contract import Point
from costmodel.methods import METHODS, PAPER, Options
from costmodel.tracing.protocol import adapted_model
from tests.cells import wrong_numbers
from validate.suites.suite import OPTIONS, TABLE_MODELS

with careful_imports():
    import peft

AT = {"batch": 2, "height": 64, "width": 97}
MORE = [method for method in METHODS if method not in PAPER]


@pytest.mark.each(11)
@pytest.mark.parametrize("method", MORE)
@pytest.mark.parametrize("model", TABLE_MODELS)
def test_each_method_by_name(model: str, method: str) -> None:
    rank = {"rank": 3} if METHODS[method].ranked else {}
    assert wrong_numbers(model, method, **AT, **rank) == []


@pytest.mark.each(9)
@pytest.mark.parametrize(
    ("method", "options"), OPTIONS, ids=[f"{m}-{'-'.join(o)}-{n}" for n, (m, o) in enumerate(OPTIONS)]
)
def test_each_option(method: str, options: dict) -> None:
    assert wrong_numbers("resnet18", method, options=options, rank=5, **AT) == []


@pytest.mark.full
def test_galores_full_projection_on_a_model_with_depthwise_convolutions() -> None:
    assert wrong_numbers("mobilenet_v2", "galore", options={"projection": "full", "update_gap": 1}, rank=5, **AT) == []


CONFIGS = {
    "rslora on some layers": lambda: peft.LoraConfig(r=3, use_rslora=True, target_modules=["conv1", "fc"], bias="all"),
    "loha": lambda: peft.LoHaConfig(r=3, alpha=3),
    "with dropout": lambda: peft.LoraConfig(r=4, lora_dropout=0.1),
    "oft by blocks": lambda: peft.OFTConfig(r=0, oft_block_size=4, target_modules=["fc"]),
    "hra": lambda: peft.HRAConfig(r=2, target_modules=["fc"]),
    "vera": lambda: peft.VeraConfig(r=2),
    "adalora": lambda: peft.AdaLoraConfig(init_r=4, target_r=2, total_step=10),
}


@pytest.mark.each(4)
@pytest.mark.parametrize("name", CONFIGS)
def test_a_peft_configuration_object(name: str) -> None:
    config = CONFIGS[name]()
    before = repr(config)
    assert wrong_numbers("resnet18", config, **AT) == []
    assert repr(config) == before


def test_a_configuration_object_has_its_own_rank() -> None:
    own = costmodel.estimate("resnet18", peft.LoHaConfig(r=3, alpha=3))
    assert own.point["r"] == 3
    assert own.memory == costmodel.estimate("resnet18", "loha", rank=3).memory
    assert (
        costmodel.estimate("resnet18", peft.IA3Config(target_modules=["fc"], feedforward_modules=[])).point["r"] is None
    )


@pytest.mark.full
def test_a_grouped_convolution_as_a_target() -> None:
    grouped = {"targets": r"features\.1\.conv\.0\.0"}
    assert wrong_numbers("mobilenet_v2", "lora", options=grouped, rank=64, **AT) == []
    with pytest.raises(costmodel.InputError, match="--rank 5: a grouped convolution is among the targets"):
        costmodel.estimate("mobilenet_v2", "lora", rank=5, options=Options(**grouped))


def test_a_pattern_that_matches_nothing_names_a_layer() -> None:
    with pytest.raises(costmodel.InputError, match=r"--targets layer9.*: matches no Linear.*such as 'fc'"):
        costmodel.estimate("resnet18", "lora", options=Options(targets=r"layer9.*"))


@pytest.mark.parametrize(
    ("method", "option"), [("fft", "alpha"), ("ia3", "rank_pattern"), ("lora", "projection"), ("galore", "train_head")]
)
def test_an_option_of_another_method_is_refused(method: str, option: str) -> None:
    values = {"alpha": 4, "rank_pattern": (("fc", 2),), "projection": "left", "train_head": True}
    with pytest.raises(
        costmodel.InputError, match=f"--{option.replace('_', '-')}: method '{method}' has no such option"
    ):
        costmodel.estimate("resnet18", method, options=Options(**{option: values[option]}))


def test_what_a_method_needs_and_a_model_has_not() -> None:
    for method, what in (("bitfit", "biases"), ("bn_only", "BatchNorm layers"), ("vera", "no layer to adapt")):
        with pytest.raises(costmodel.InputError, match=what):
            costmodel.estimate(nn.Sequential(nn.Conv2d(3, 3, 3, bias=False)), method)


def test_alpha_changes_no_cost() -> None:
    plain, scaled = (costmodel.estimate("resnet18", "lora", options=Options(alpha=alpha)) for alpha in (None, 64))
    assert plain.memory == scaled.memory
    assert plain.flops == scaled.flops


def test_a_method_of_the_callers_own_is_not_taken_for_another_of_its_name() -> None:
    def head(model: nn.Module, _rank: object, _options: object) -> nn.Module:
        model.requires_grad_(False)
        model.fc.requires_grad_(True)
        return model

    own = {adapt: costmodel.Method("bn_head", "", "", adapt) for adapt in (head, lambda model, *_: model)}
    peaks = [costmodel.estimate("resnet18", method).memory["peak"] for method in own.values()]
    assert peaks == [costmodel.estimate("resnet18", name).memory["peak"] for name in ("bn_head", "fft")]


def test_dilated_targets_of_a_configuration_object_are_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2))
    with pytest.raises(costmodel.InputError, match="dilation"):
        costmodel.estimate(net, peft.LoraConfig(r=2, target_modules=["0"]))


def test_a_rank_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(costmodel.InputError, match=r"--rank-pattern layer9: matches none of the targets"):
        costmodel.estimate("resnet18", "lora", options=Options(rank_pattern={"layer9": 8}))


def test_fused_attention_is_adapted_as_the_contract_says() -> None:
    """The weights of the projections in and out are read by the fused kernel, never called: no adapter there."""
    adapted = adapted_model(setup_of("vit_b_32", "lora"), Point(N=1, H=64, W=64, r=2), "meta")
    trained = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name for name in trained)
    assert any(".mlp." in name for name in trained)
    assert not any("out_proj" in name or "in_proj" in name for name in trained)
    everything = adapted_model(setup_of("vit_b_32", "galore"), Point(N=1, H=64, W=64, r=2), "meta")
    assert all(parameter.requires_grad for parameter in everything.parameters())
