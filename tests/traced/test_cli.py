"""The command line: its JSON, its messages, its exit statuses. Every bad input is one line and status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import sympy

from costmodel.contract import CONVENTIONS, GROUPS, KINDS, PHASES
from costmodel.terminal.cli import main
from tests.lines import assert_refused, printed

BAD = {
    "estimate mobilnet_v2": "unknown model 'mobilnet_v2': did you mean mobilenet_v2",
    "estimate nonsense": "unknown model 'nonsense': accepted: alexnet, convnext_base,",
    "estimate mobilenet_v2 --method lorra": "unknown method 'lorra': did you mean lora",
    "estimate mobilenet_v2 --method lora --rank 0": "--rank 0: expected a positive integer, or a name such as r",
    "estimate mobilenet_v2 --method lora --rank -1": "--rank -1: expected a positive integer",
    "estimate mobilenet_v2 --method lora --rank 2.5": "--rank 2.5: expected a positive integer",
    "estimate mobilenet_v2 --method lora --rank 4x": "--rank 4x: expected a positive integer",
    "estimate mobilenet_v2 --method lora --rank lambda": "--rank lambda: expected a positive integer",
    "estimate mobilenet_v2 --method lora --rank h1": "--rank h1: this name has a meaning in formulas",
    "estimate mobilenet_v2 --method lora --rank N": "--rank N: this name has a meaning in formulas",
    "estimate mobilenet_v2 --batch b --method lora --rank b": "--rank b: the name already stands for --batch",
    "estimate mobilenet_v2 --height s --width S": "--width S: the name already stands for --height",
    "estimate mobilenet_v2 --method galore --rank R --batch R16": "--batch R16: this name has a meaning in formulas",
    f"estimate mobilenet_v2 --batch {'9' * 5000}": "expected a positive integer up to 2147483647",
    "estimate mobilenet_v2 --classes 10000000000000000000": "expected a positive integer up to 2147483647",
    "validate mobilenet_v2 --height 2000000 --width 2000000": "the real step of mobilenet_v2 fft at",
    "estimate mobilenet_v2 --batch 0": "--batch 0: expected a positive integer, or a name such as N",
    "estimate mobilenet_v2 --classes 0": "--classes 0: expected a positive integer",
    "estimate mobilenet_v2 --classes K": "--classes K: expected a positive integer",
    "estimate mobilenet_v2 --resolution 224 --height 8": "--resolution 224 and --height 8: H is given twice",
    "estimate mobilenet_v2 --rank 4": "--rank 4: method 'fft' has no rank; methods with a rank: lora, dora, loha,",
    "estimate resnet18 --resolution 32": "resolution 32x32 is too small for resnet18 at batch 1",
    "estimate": "which model?",
    "estimate resnet18 --nonsense": "No such option",
    "nonsense": "unknown command 'nonsense': accepted: ",
    "validate": "which model?",
    "validate resnet18 --batch N": "--batch N: the real step needs a number",
    "validate alexnet --suite paper": "suite 'paper' has no cell of model 'alexnet'",
    "validate --suite paper --method lora": "--suite paper excludes --method",
    "estimate vit_b_16 --input S:int64": "--input S:int64: vit_b_16 takes images, expected H and W",
    "estimate resnet18 --resolution 5": "resolution 5x5 is too small for resnet18 at batch 1",
    "estimate timm:resnet10t --aux": "--aux: only models by name",
    "estimate validate.examples:llama --classes 7": "--classes 7: validate.examples:llama decides on its outputs",
    "validate --suite nonsense": "unknown suite 'nonsense'",
}


@pytest.mark.parametrize(("line", "message"), BAD.items(), ids=[line[:80] for line in BAD])
def test_bad_input(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(line, message, capsys)


def test_astronomical_sizes_are_still_integers(capsys: pytest.CaptureFixture[str]) -> None:
    data = run("estimate resnet18 --batch 2147483647 --resolution S", capsys)
    assert data["flops"]["torch"]["optimizer"] == 0


def test_an_output_that_cannot_be_written_is_said() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "costmodel", "models"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "costmodel: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("line", ["models --json", "formula resnet18"])
def test_a_reader_that_has_had_enough_ends_it_without_a_word(line: str) -> None:
    """As much as a buffer holds, and more."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "costmodel", *line.split()], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert "estimate" in out
    assert err == ""


def test_too_small_names_what_would_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    main("estimate resnet18 --resolution 32".split())
    assert "33x33 is the smallest square it accepts" in capsys.readouterr().err
    assert main("estimate resnet18 --resolution 33".split()) == 0


def run(line: str, capsys: pytest.CaptureFixture[str]) -> dict:
    return printed(line, capsys)


def test_json_of_a_numeric_point(capsys: pytest.CaptureFixture[str]) -> None:
    data = run("estimate mobilenet_v3 --method lora --rank 4", capsys)
    assert data["schema"] == "costmodel.estimate/1"
    assert (data["model"], data["alias"], data["method"]) == ("mobilenet_v3_small", "mobilenet_v3", "lora")
    assert (data["optimizer"], data["loss"]) == ("adamw", "sum")
    assert data["point"] == {"N": 1, "H": 224, "W": 224, "r": 4}
    assert set(data["flops"]) == set(CONVENTIONS)
    for convention in CONVENTIONS:
        assert all(isinstance(data["flops"][convention][phase], int) for phase in PHASES)
        assert set(data["formulas"]["flops"][convention]) == set(PHASES)
    for phase in PHASES:
        assert set(data["flops"]["arithmetic"]["by_kind"][phase]) == set(KINDS)
        assert sum(data["flops"]["arithmetic"]["by_kind"][phase].values()) == data["flops"]["arithmetic"][phase]
    assert set(data["memory"]["groups"]) == set(GROUPS)
    assert data["memory"]["sum_of_group_peaks"] == sum(data["memory"]["groups"].values())
    assert data["memory"]["input"] == 3 * 224 * 224 * 4
    assert set(data["formulas"]["memory"]) == {*GROUPS, "sum_of_group_peaks", "peak"}
    assert data["symbols"]["h1"] == "floor((H - 1)/2) + 1"
    assert set(data["versions"]) == {"torch", "torchvision", "peft"}
    assert data["domain"] == {"N": "N >= 1", "H": "H >= 33", "W": "W >= 33", "r": "2 <= r <= 64"}


@pytest.mark.full
def test_formulas_of_the_json_give_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    data = run("estimate mobilenet_v2 --method galore --rank 24 --batch 3 --height 97 --width 161", capsys)
    names = {name: sympy.Symbol(name) for name in ["N", "H", "W", "r", *data["symbols"]]}
    names |= {"floor": sympy.floor, "ceiling": sympy.ceiling, "Min": sympy.Min, "Max": sympy.Max}
    base = {names[axis]: value for axis, value in data["point"].items()}
    sizes = {names[n]: sympy.parse_expr(t, local_dict=names).subs(base) for n, t in data["symbols"].items()}

    def value(text: str) -> int:
        return int(sympy.parse_expr(text, local_dict=names).subs(sizes).subs(base))

    for convention in CONVENTIONS:
        for phase in PHASES:
            assert value(data["formulas"]["flops"][convention][phase]) == data["flops"][convention][phase]
    for phase in PHASES:
        assert (
            value(data["formulas"]["arithmetic_matmul"][phase])
            == data["flops"]["arithmetic"]["by_kind"][phase]["matmul"]
        )
    for group in GROUPS:
        assert value(data["formulas"]["memory"][group]) == data["memory"]["groups"][group]
    for total in ("sum_of_group_peaks", "peak"):
        assert value(data["formulas"]["memory"][total]) == data["memory"][total]


def test_json_of_a_symbolic_point(capsys: pytest.CaptureFixture[str]) -> None:
    data = run("estimate mobilenet_v3 --method galore --rank r", capsys)
    assert data["point"] == {"N": 1, "H": 224, "W": 224, "r": None}
    assert data["memory"]["groups"]["opt"] is None
    assert data["memory"]["peak"] is None
    assert data["memory"]["sum_of_group_peaks"] is None
    assert data["memory"]["groups"]["act"] == 15716812
    assert data["flops"]["torch"]["optimizer"] is None
    assert data["flops"]["arithmetic"]["by_kind"]["optimizer_first"]["svd"] > 0
    assert "r576" in data["formulas"]["memory"]["peak"]
    assert data["symbols"]["r9"] == "Min(r, 9)"
    assert data["domain"] == {"r": "r >= 1"}
    assert data["formulas"]["amortised"]["arithmetic"].endswith("/T")


def test_a_name_of_the_users_own_and_a_square(capsys: pytest.CaptureFixture[str]) -> None:
    data = run("estimate resnet18 --method lora --rank k --resolution side", capsys)
    assert "k" in data["formulas"]["memory"]["grad"]
    assert data["symbols"]["side1"] == "floor((side - 1)/2) + 1"
    assert data["domain"] == {"side": "side >= 33", "k": "2 <= k <= 64"}


def test_the_table_says_what_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("estimate mobilenet_v3 --method galore".split()) == 0
    out = capsys.readouterr().out
    assert "mobilenet_v3_small (mobilenet_v3)" in out
    for words in (
        "arithmetic",
        "paper",
        "svd",
        "over T = 200",
        "grouped convolutions",
        "Unknown operators: none",
        "MiB",
    ):
        assert words in out
    assert main("estimate resnet18".split()) == 0
    assert "grouped" not in capsys.readouterr().out


def test_symbolic_output_prints_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("estimate mobilenet_v3 --method galore --rank r".split()) == 0
    out = capsys.readouterr().out
    assert "8192*r10" in out
    assert "r10  = Min(r, 10)" in out
    assert "valid for r >= 1" in out


def test_validate_answers_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("validate resnet18 --method bn_head --batch 2 --height 40 --width 50".split()) == 0
    assert "equal: all 36 numbers" in capsys.readouterr().out


def test_validate_json_and_exit_status(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import validate.compare as compare

    assert main("validate resnet18 --method bn_head --batch 2 --resolution 40 --json".split()) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["equal"] is True
    assert {row["difference"] for row in data["rows"]} == {0}
    honest = compare._flop_rows
    monkeypatch.setattr(compare, "_flop_rows", lambda e, m: [*honest(e, m), compare.Row("x", "y", 1, 2)])
    assert main("validate resnet18 --method bn_head --batch 2 --resolution 40".split()) == 1
    assert "1 of 37 numbers differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"), [("--version", "costmodel 0."), ("models", "resnet18"), ("methods", "galore")]
)
def test_small_commands(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("command", ["", "estimate", "validate", "models", "methods"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert f"costmodel {command}" in capsys.readouterr().out.split("Example:")[1]


def test_as_a_module_and_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "costmodel", "estimate", "resnet18", "--batch", "0"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("costmodel: --batch 0")
    assert "Traceback" not in done.stderr
