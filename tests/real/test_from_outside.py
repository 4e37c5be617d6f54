"""What others add without touching this package: methods, optimizers and depths, and the real step agrees with each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import costmodel
import validate.depths
from costmodel.cell.request import request_at
from costmodel.cell.setup import Setup, setup_of
from costmodel.contract import Point
from costmodel.methods import optimizers
from costmodel.sources.source import Source
from costmodel.terminal.cli import main
from tests.cells import wrong_numbers
from validate.cell import CellSpec
from validate.deep import sound
from validate.depths import DEPTHS, Depth

AT = {"batch": 2, "height": 64, "width": 97}
PACKAGE = '''
import torch
from costmodel import Method

def adapt(model, rank, options):
    """Train the last stage and the head."""
    model.requires_grad_(False)
    for part in (model.layer4, model.fc):
        part.requires_grad_(True)
    return model

def optimizer(model, rank, options, training):
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], momentum=0.9)

last_block = Method("last_block", "the last stage", "torch.optim.SGD", adapt, optimizer, optimizer_name="sgd")
other_name = no_method = last_block
not_one = "last_block"
'''
ENTRIES = {
    "last_block": "third:last_block",
    "fft": "third:last_block",
    "absent": "nowhere:method",
    "without": "third:nothing",
    "other_name": "third:other_name",
    "not_one": "third:not_one",
    "a,b": "third:last_block",
}
REFUSED = {
    "fft": "method 'fft' of package third 1.2 is left out: costmodel has one of that name",
    "absent": "method 'absent' of package third 1.2: importing nowhere:method fails: ModuleNotFoundError",
    "without": "method 'without' of package third 1.2: importing third:nothing fails: AttributeError",
    "other_name": "method 'other_name' of package third 1.2: third:other_name is called 'last_block', expected",
    "not_one": "method 'not_one' of package third 1.2: third:not_one is str, expected a costmodel.Method",
    "a,b": "method 'a,b' of package third 1.2 cannot be typed: expected a name of letters",
}


@pytest.fixture
def third(tmp_path: Path) -> Path:
    """A folder as an installer leaves it, with one package that brings a method, and much that is none."""
    (tmp_path / "third.py").write_text(PACKAGE, encoding="utf-8")
    info = tmp_path / "third-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1.2\n", encoding="utf-8")
    (info / "RECORD").write_text("third.py,sha256=1,1\n", encoding="utf-8")
    lines = [f"{name} = {place}" for name, place in ENTRIES.items()]
    (info / "entry_points.txt").write_text("\n".join(["[costmodel.methods]", *lines, ""]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def installed(third: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, installed for this process."""
    monkeypatch.syspath_prepend(third)
    yield third
    sys.modules.pop("third", None)


def test_a_method_object_on_the_real_step() -> None:
    def stem(model: nn.Module, _rank: int | None, _options: object) -> nn.Module:
        model.requires_grad_(False)
        model.conv1.requires_grad_(True)
        return model

    method = costmodel.Method("stem", "the first convolution", "torch.optim.AdamW", stem)
    assert wrong_numbers("resnet18", method, **AT) == []
    assert setup_of("resnet18", method).identity is None


@pytest.mark.full
def test_a_package_brings_a_method_by_name(third: Path) -> None:
    """In processes that know of it by what is installed alone."""
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(third), *filter(None, sys.path)])}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "costmodel", *words]
        return subprocess.run(command, env=told, capture_output=True, text=True, check=False)

    listed = run("methods", "--json")
    assert listed.returncode == 0
    assert json.loads(listed.stdout)["methods"]["last_block"] == "the last stage (torch.optim.SGD)"
    said = listed.stderr.splitlines()
    assert len(said) == len(REFUSED)
    assert all(any(reason in line for line in said) for reason in REFUSED.values())

    validated = run("validate", "resnet18", "--method", "last_block", "--resolution", "64", "--json")
    assert validated.returncode == 0, validated.stderr
    found = json.loads(validated.stdout)
    assert (found["method"], found["optimizer"], found["equal"]) == ("last_block", "sgd", True)
    assert found["versions"]["third"] == "1.2"


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "fft"])
def test_what_a_package_brings_in_vain(name: str, installed: Path) -> None:
    with pytest.raises(costmodel.InputError) as refused:
        costmodel.estimate("resnet18", name)
    assert str(refused.value).startswith(REFUSED[name])


def test_a_name_of_ours_stays_ours(installed: Path) -> None:
    assert setup_of("resnet18", "fft").method.how == "torch.optim.AdamW"
    assert list(costmodel.methods())[-1] == "last_block"
    with pytest.raises(costmodel.InputError, match="unknown method 'last_blok': did you mean last_block"):
        costmodel.estimate("resnet18", "last_blok")


def test_a_method_of_two_packages(installed: Path) -> None:
    again = installed / "fourth-2.dist-info"
    again.mkdir()
    (again / "METADATA").write_text("Metadata-Version: 2.1\nName: fourth\nVersion: 2\n", encoding="utf-8")
    (again / "entry_points.txt").write_text("[costmodel.methods]\nlast_block = third:last_block\n", encoding="utf-8")
    with pytest.raises(costmodel.InputError, match=r"by package \w+ [\d.]+ and by package \w+ [\d.]+: only one"):
        costmodel.estimate("resnet18", "last_block")


def test_a_method_of_a_package_is_kept_under_what_was_installed(installed: Path) -> None:
    """Another release, or other contents under the same version, is another method; an editable one is never kept."""

    def identity() -> object:
        found = setup_of("resnet18", "last_block").identity
        return found and found["method"]

    info = installed / "third-1.2.dist-info"
    first = identity()
    assert first is not None
    (info / "RECORD").write_text("third.py,sha256=2,1\n", encoding="utf-8")
    assert identity() not in (first, None)
    (info / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///x"}', encoding="utf-8")
    assert identity() is None
    (info / "direct_url.json").unlink()
    (info / "RECORD").unlink()
    assert identity() is None


@pytest.mark.parametrize(
    ("adapt", "optimizer", "why"),
    [
        (lambda *_: None, None, "method 'own' adapts Linear: its function returns NoneType, expected Module"),
        (lambda model, *_: model, lambda *_: [], "returns list, expected Optimizer"),
        (lambda model, *_: model, lambda *_: 1 // 0, "optimizer own optimizer cannot be made for .*: integer division"),
        (lambda *_: 1 // 0, None, "Linear cannot be prepared for own: integer division"),
    ],
)
def test_a_method_that_does_not_do_what_it_should(adapt: object, optimizer: object, why: str) -> None:
    with pytest.raises(costmodel.InputError, match=why):
        costmodel.estimate(nn.Linear(3, 2), costmodel.Method("own", "", "", adapt, optimizer), inputs="3")


def test_an_optimizer_by_one_row() -> None:
    optimizers.register("amsgrad", torch.optim.AdamW, amsgrad=True)
    try:
        own = {"training": {"optimizer": "amsgrad"}, "batch": 1, "height": 64, "width": 64}
        assert wrong_numbers("resnet18", "bn_head", **own) == []
        training = costmodel.Training(optimizer="amsgrad")
        state = [
            costmodel.estimate("resnet18", "bn_head", training=one).memory["groups"]["opt"]
            for one in (training, costmodel.Training())
        ]
        assert state[0] > state[1]
        assert setup_of("resnet18", training=training).identity is None
        with pytest.raises(costmodel.InputError, match="optimizer 'amsgrad' is there already"):
            optimizers.register("amsgrad", "SGD")
    finally:
        optimizers._ROWS.pop("amsgrad")


class Parameters(Depth):
    """A depth of somebody else's: how many numbers are trained."""

    def measure(self, spec: CellSpec) -> dict[str, int]:
        from costmodel.tracing.protocol import adapted_model

        model = adapted_model(spec.setup, spec.at, "cpu")
        return {"parameters.trained": sum(p.numel() for p in model.parameters() if p.requires_grad)}

    def predict(self, setup: Setup, point: Point) -> dict[str, int]:
        values = point.values()
        formula = Source(setup).derivation(request_at(setup, values)).formula
        return {"parameters.trained": formula.evaluate(values)["memory.grad"] // 4}


@pytest.mark.full
def test_a_depth_by_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Measured in a process of its own, which has never heard of it."""
    depth = Parameters("parameters", "numbers that are trained", exact=True, headline="parameters.trained", unit="")
    validate.depths.register(depth)
    try:
        found = sound(CellSpec("resnet18", "bn_head", {"N": 1, "H": 64, "W": 64}, depth="parameters"))
        assert found.equal
        assert [row.measured for row in found.rows] == [512 * 10 + 10]
        with pytest.raises(costmodel.InputError, match="depth 'parameters' is there already"):
            validate.depths.register(depth)
    finally:
        del DEPTHS["parameters"]
    assert main("validate resnet18 --depth parameters".split()) == 2
    assert "unknown depth 'parameters'" in capsys.readouterr().err
