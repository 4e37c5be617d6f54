"""Methods and models side by side: the numbers of single answers, and their ratios."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pytest
from torch import nn

import costmodel
from costmodel.cell.training import Training
from costmodel.contract import CONVENTIONS, GROUPS, PHASES
from costmodel.errors import InputError
from costmodel.methods import METHODS, PAPER, Options
from costmodel.terminal.cli import main
from tests.lines import assert_refused, printed


def compared(line: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    data = printed(line, capsys)
    assert data["schema"] == "costmodel.compare/1"
    assert data["reference"] == "fft"
    return data


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_cells_and_ratios_equal_single_answers(convention: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"compare mobilenet_v3 resnet18 --rank 8 --batch 2 --height 97 --width 161 --convention {convention}"
    data = compared(line, capsys)
    assert data["convention"] == convention
    models = ("mobilenet_v3_small", "resnet18")
    assert [(cell["model"], cell["method"]) for cell in data["cells"]] == [(m, k) for m in models for k in PAPER]
    for cell in data["cells"]:
        ranked = {"rank": 8} if METHODS[cell["method"]].ranked else {}
        name = "mobilenet_v3" if cell["model"] == "mobilenet_v3_small" else "resnet18"
        own, fft = (
            costmodel.estimate(name, method, batch=2, height=97, width=161, **more)
            for method, more in ((cell["method"], ranked), ("fft", {}))
        )
        assert {key: cell[key] for key in own.to_dict()} == json.loads(own.to_json())
        step, step_of_fft, first, first_of_fft = (
            sum(found.flops[convention][phase] for phase in ("forward", "backward", optimizer))
            for optimizer in ("optimizer", "optimizer_first")
            for found in (own, fft)
        )
        assert cell["step"] == step
        assert cell["ratios"] == {
            "peak": own.memory["peak"] / fft.memory["peak"],
            "sum_of_group_peaks": own.memory["sum_of_group_peaks"] / fft.memory["sum_of_group_peaks"],
            "step": step / step_of_fft,
            "first_step": first / first_of_fft,
        }
        assert {*cell} == {*own.to_dict(), "step", "ratios"}


def test_the_table_shows_these_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("compare mobilenet_v3 resnet18 --method lora,fft --rank 4".split()) == 0
    text = capsys.readouterr().out
    small, large = text.split("\nresnet18: ")
    assert small.startswith("mobilenet_v3_small (mobilenet_v3): N = 1, H = 224, W = 224, r = 4, 10 classes, loss sum\n")
    for model, part in (("mobilenet_v3_small", small), ("resnet18", large)):
        lora, fft = costmodel.estimate(model, "lora", rank=4), costmodel.estimate(model)
        memory, flops = (re.findall(rf"^lora .*{unit}.*$", part, re.MULTILINE)[0] for unit in ("iB", "FLOPs"))
        ratio = {key: f"{lora.memory[key] / fft.memory[key]:.1%}" for key in ("peak", "sum_of_group_peaks")}
        found = [f"{lora.memory[key] / 2**20:.2f} MiB {ratio[key]}" for key in ("sum_of_group_peaks", "peak")]
        assert " ".join(memory.split()).endswith(" ".join(found))
        (side,) = (side for side in costmodel.compare(model, ["fft", "lora"], rank=4) if side.estimate.method == "lora")
        assert flops.split()[-2:] == [f"{side.ratios['step']:.1%}", f"{side.ratios['first_step']:.1%}"]
        assert re.search(r"^fft .* 100\.0% .* 100\.0%$", part, re.MULTILINE)


def test_without_full_fine_tuning_there_is_no_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    cells = compared("compare resnet18 --method lora,bn_head", capsys)["cells"]
    assert [cell["method"] for cell in cells] == ["lora", "bn_head"]
    assert {value for cell in cells for value in cell["ratios"].values()} == {None}
    assert main("compare resnet18 --method lora".split()) == 0
    assert "%" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "methods"),
    [
        ("", PAPER),
        ("--method all", PAPER),
        ("--method fft,lora", ("fft", "lora")),
        ("-m fft -m lora,fft", ("fft", "lora")),
        ("--method bitfit --method galore", ("bitfit", "galore")),
    ],
)
def test_which_methods(line: str, methods: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    cells = compared(f"compare resnet18 {line}", capsys)["cells"]
    assert tuple(cell["method"] for cell in cells) == methods


def test_what_only_some_methods_know_is_told_to_those(capsys: pytest.CaptureFixture[str]) -> None:
    line = r"compare resnet18 --method fft,lora,galore --rank 6 --targets layer4.*conv\d --train-head --update-gap 50"
    fft, lora, galore = compared(line, capsys)["cells"]
    assert fft["point"]["r"] is None
    assert fft["options"] == {}
    assert lora["options"] == {"targets": r"layer4.*conv\d", "train_head": True}
    assert galore["options"] == {"update_gap": 50}
    own = costmodel.estimate("resnet18", "lora", rank=6, options=Options(**lora["options"]))
    assert lora["memory"] == own.to_dict()["memory"]
    assert galore["memory"]["peak"] == costmodel.estimate("resnet18", "galore", rank=6).memory["peak"]
    assert galore["point"]["r"] == 6


def test_what_every_method_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    cells = compared("compare resnet18 --method fft,bn_head --optimizer sgd --classes 3 --loss cross_entropy", capsys)
    for cell in cells["cells"]:
        assert (cell["optimizer"], cell["classes"], cell["loss"]) == ("sgd", 3, "cross_entropy")
        training = Training(optimizer="sgd", loss="cross_entropy")
        own = costmodel.estimate("resnet18", cell["method"], classes=3, training=training)
        assert cell["memory"] == own.to_dict()["memory"]


BAD = {
    "compare": "Missing argument 'MODEL...'",
    "compare resnet18 nonsense": "unknown model 'nonsense'",
    "compare resnet18 --method fft,lorra": "unknown method 'lorra': did you mean lora",
    "compare resnet18 --method fft,": "unknown method ''",
    "compare resnet18 --batch N": "--batch N: methods are compared at one point, give a positive integer",
    "compare resnet18 --method lora --rank r": "--rank r: methods are compared at one point",
    "compare resnet18 --resolution S": "--height S: methods are compared at one point",
    "compare resnet18 --batch 1:4": "--batch 1:4: expected a positive integer",
    "compare resnet18 --rank 0": "--rank 0: expected a positive integer",
    "compare resnet18 --method fft,bn_head --rank 4": "--rank 4: method 'fft' has no rank",
    "compare resnet18 --method fft,lora --update-gap 5": "--update-gap: method 'fft' has no such option",
    "compare resnet18 --method galore,fft --train-head": "--train-head: method 'galore' has no such option",
    "compare resnet18 --method fft,galore --optimizer sgd": "--optimizer sgd: method 'galore' brings its galore_adamw",
    "compare resnet18 --convention papper": "unknown convention 'papper': did you mean paper",
    "compare resnet18 vit_b_32 --resolution 100": "side 100: vit_b_32 takes multiples of 32, such as 96 or 128",
    "compare resnet18 --figure pie": "Invalid value for '--figure': 'pie' is not one of 'memory', 'flops'",
    "compare resnet18 --resolution 32": "resolution 32x32 is too small for resnet18 at batch 1",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=list(BAD))
def test_bad_input(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(line, message, capsys)


class Net(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, channels, 3)
        self.fc = nn.Linear(channels, 10)

    def forward(self, x: Any) -> Any:
        return self.fc(self.features(x).mean((2, 3)))


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Any) -> Any:
        return self.norm(x)


def test_two_modules_of_one_name_are_each_compared_with_itself() -> None:
    sides = costmodel.compare([Net(4), Net(32)], ["fft", "bn_head"], point={"resolution": 32})
    assert [(side.estimate.model, side.estimate.method) for side in sides] == [("Net", "fft"), ("Net", "bn_head")] * 2
    assert [side.ratios["peak"] for side in sides if side.estimate.method == "fft"] == [1.0, 1.0]
    for own, side in ((sides[0], sides[1]), (sides[2], sides[3])):
        assert side.ratios["peak"] == side.estimate.memory["peak"] / own.estimate.memory["peak"]
    assert sides[0].estimate.memory["peak"] < sides[2].estimate.memory["peak"]


def test_a_share_of_nothing_is_no_number() -> None:
    """torch counts no FLOPs of a model without products."""
    _, side = costmodel.compare(Norm(), ["fft", "bn_only"], convention="torch", point={"resolution": 32})
    assert side.step == 0
    assert side.ratios["step"] is None
    assert side.ratios["peak"] is not None


def test_python_gives_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    sides = costmodel.compare(["resnet18"], rank=8, point={"batch": 2}, convention="paper")
    told = compared("compare resnet18 --rank 8 --batch 2 --convention paper", capsys)
    assert json.loads(sides.to_json()) == told
    assert [side.estimate.method for side in sides] == [*PAPER]
    assert [side.estimate.method for side in sides[1:3]] == [*PAPER[1:3]]
    frame = sides.to_frame()
    for (_, row), cell in zip(frame.iterrows(), told["cells"], strict=True):
        assert (row["model"], row["method"]) == ("resnet18", cell["method"])
        assert row[[*GROUPS]].to_dict() == cell["memory"]["groups"]
        assert row[[*PHASES]].to_dict() == {phase: cell["flops"]["paper"][phase] for phase in PHASES}
        assert (row["peak"], row["sum_of_group_peaks"]) == (
            cell["memory"]["peak"],
            cell["memory"]["sum_of_group_peaks"],
        )
        assert {name: row[f"{name}_ratio"] for name in cell["ratios"]} == cell["ratios"]
    assert pd.api.types.is_integer_dtype(frame["peak"])


def test_bad_calls() -> None:
    with pytest.raises(InputError, match="unknown convention 'papper'"):
        costmodel.compare("resnet18", convention="papper")
    with pytest.raises(InputError, match="--rank 4: method 'fft' has no rank"):
        costmodel.compare("resnet18", ["fft"], rank=4)
