"""Models of the user's own, timm's, and models of other tasks: by address, with inputs other than images, exact."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel
from costmodel.terminal.cli import main
from tests.cells import wrong_numbers

FILE = """
import torch
from torch import nn
from helper import CHANNELS


def make_net():
    return nn.Sequential(nn.Conv2d(3, CHANNELS, 3, 2), nn.BatchNorm2d(CHANNELS), nn.ReLU(), nn.Conv2d(CHANNELS, 4, 1))


class Looks(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        if x.sum() > 0:  # line 18
            x = x * 2
        return x


class Measured(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.scale = float(self.conv.weight.std())

    def forward(self, x):
        import helper  # found when it runs, too

        return self.conv(x) * self.scale


net = make_net()
number = 5


def fails():
    raise RuntimeError("no weights here")
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "helper.py").write_text("CHANNELS = 6\n")
    (tmp_path / "net_of_mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    for name in ("helper", "net_of_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return str(tmp_path / "net_of_mine.py")


@pytest.mark.parametrize("place", ["./net_of_mine.py", "net_of_mine"])
@pytest.mark.parametrize("name", ["make_net", "net"])
def test_a_factory_or_a_module_in_a_file(net: str, place: str, name: str) -> None:
    assert wrong_numbers(f"{place}:{name}", "lora", inputs="3x41x52", batch=2, rank=3) == []


def test_from_the_command_line(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", f"{net}:make_net", "--input", "3x96x96", "--method", "galore"]) == 0
    assert "H = 96, W = 96" in capsys.readouterr().out
    assert main(["validate", f"{net}:make_net", "--input", "3x40x40"]) == 0
    assert "equal: all 36 numbers" in capsys.readouterr().out


def test_a_model_that_cannot_be_traced_names_the_line(net: str) -> None:
    with pytest.raises(costmodel.TraceError, match=r"depends on data, which .* reads at .*net_of_mine\.py:18$"):
        costmodel.estimate("net_of_mine:Looks")


def test_a_constructor_that_reads_its_parameters(net: str) -> None:
    assert wrong_numbers("./net_of_mine.py:Measured", "fft", batch=2, height=40, width=51) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("net_of_mine:make", "net_of_mine has no 'make'"),
        ("net_of_mine:number", "'number' is int, expected a function or a module"),
        ("net_of_mine:fails", "calling it without arguments fails: RuntimeError: no weights here"),
        ("no_such_module:f", "module 'no_such_module' cannot be found"),
        ("./nothing.py:f", "model file 'nothing.py' cannot be read"),
        ("timm:nothing_like_it", "unknown timm model 'nothing_like_it'"),
        ("timm:resnet10t.bogus", "Invalid pretrained tag"),
        ("./net_of_mine.py", "expected path/to/file.py:factory"),
    ],
)
def test_what_cannot_be_found_is_said(net: str, address: str, words: str) -> None:
    with pytest.raises(costmodel.InputError, match=words) as refused:
        costmodel.estimate(address)
    assert "\n" not in str(refused.value)


@pytest.mark.each(2)
@pytest.mark.parametrize(("model", "at"), [("timm:resnet10t", (70, 97)), ("timm:vit_tiny_patch16_224", (64, 64))])
def test_a_timm_model(model: str, at: tuple[int, int]) -> None:
    assert wrong_numbers(model, "lora", batch=2, rank=3, height=at[0], width=at[1]) == []


LLAMA = ("validate.examples:llama", "input_ids=S:int64")
BERT = ("validate.examples:bert", "input_ids=S:int64,attention_mask=S:int64")


@pytest.mark.each(4)
@pytest.mark.parametrize(("model", "inputs"), [LLAMA, BERT])
@pytest.mark.parametrize("method", ["lora", "fft"])
def test_text_models(model: str, inputs: str, method: str) -> None:
    rank = {"rank": 3} if method == "lora" else {}
    assert wrong_numbers(model, method, inputs=inputs, batch=2, length=21, **rank) == []


@pytest.mark.full
@pytest.mark.parametrize(("N", "S", "r"), [(5, 33, 8), (1, 19, 2)])
def test_tokens_stay_symbolic(N: int, S: int, r: int) -> None:
    estimate = costmodel.estimate(BERT[0], "lora", inputs=BERT[1], length="S", batch="N", rank="r")
    assert estimate.domain["S"] == "2 <= S <= 512"  # its table of positions
    fixed = costmodel.estimate(BERT[0], "lora", inputs=BERT[1], length=S, batch=N, rank=r)
    assert estimate.at(N=N, S=S, r=r).memory == fixed.memory
    assert wrong_numbers(BERT[0], "lora", inputs=BERT[1], length=S, batch=N, rank=r) == []


def test_a_text_ends_where_the_table_of_positions_does() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(20, 8), nn.Embedding(150, 8)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.words(tokens) + self.places(torch.arange(tokens.shape[1]))

    assert costmodel.estimate(Positions(), inputs="S:int64", length="S").domain["S"] == "2 <= S <= 150"
    assert wrong_numbers(Positions(), "fft", inputs="S:int64", length=150) == []
    with pytest.raises(costmodel.TraceError, match="number 150 is looked up in a table of 150 rows"):
        costmodel.estimate(Positions(), inputs="S:int64", length=151)


def test_a_causal_model_stays_symbolic_for_one_text() -> None:
    assert costmodel.estimate(LLAMA[0], inputs=LLAMA[1], length="S").domain == {"S": "S >= 2"}


def test_cross_entropy_over_tokens() -> None:
    training = {"loss": "cross_entropy"}
    assert wrong_numbers(LLAMA[0], "fft", inputs=LLAMA[1], training=training, batch=2, length=9) == []


@pytest.mark.each(2)
@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU])
def test_recurrent_layers(cell: type[nn.RNNBase]) -> None:
    assert wrong_numbers(Recurrent(cell), "fft", inputs="S:int64", batch=2, length=5) == []


def test_an_lstm_cell() -> None:
    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.cell, self.head = nn.Embedding(30, 8), nn.LSTMCell(8, 12), nn.Linear(12, 3)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            state = None
            for token in self.embed(tokens).unbind(1):
                state = self.cell(token, state)
            return self.head(state[0])

    assert wrong_numbers(Unrolled(), "fft", inputs="5:int64", batch=2) == []


class Recurrent(nn.Module):
    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.embed, self.layer, self.head = nn.Embedding(30, 8), cell(8, 12, batch_first=True), nn.Linear(12, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.embed(tokens))[0])


@pytest.mark.full
@pytest.mark.parametrize("model", ["r3d_18", "lraspp_mobilenet_v3_large"])
def test_other_tasks(model: str) -> None:
    assert wrong_numbers(model, "lora", batch=2, rank=3, height=64, width=81) == []


def test_detection_says_why_not() -> None:
    with pytest.raises(costmodel.InputError, match="model 'fasterrcnn_resnet50_fpn': a detection model takes"):
        costmodel.estimate("fasterrcnn_resnet50_fpn")


@pytest.mark.full
def test_an_auxiliary_head_is_off_unless_asked_for() -> None:
    without, with_it = (costmodel.estimate("googlenet", aux=aux) for aux in (False, True))
    assert with_it.memory["groups"]["param"] > without.memory["groups"]["param"]
    assert wrong_numbers("googlenet", "fft", aux=True, batch=2, resolution=96) == []
    with pytest.raises(costmodel.InputError, match="resnet18 has no auxiliary classifier"):
        costmodel.estimate("resnet18", aux=True)


@pytest.mark.parametrize(
    ("model", "sides", "words"),
    [
        ("vit_b_16", (225, 225), "16"),
        ("vit_b_16", (224, 240), "square"),
        ("maxvit_t", (225, 225), "224"),
        ("mvit_v2_s", (200, 200), "224x224 only"),
        pytest.param("inception_v3", (60, 60), "75x75 is the smallest square it accepts", marks=pytest.mark.full),
    ],
)
def test_a_side_that_a_model_does_not_take(model: str, sides: tuple[int, int], words: str) -> None:
    with pytest.raises(costmodel.InputError, match=words):
        costmodel.estimate(model, height=sides[0], width=sides[1], batch=2)
