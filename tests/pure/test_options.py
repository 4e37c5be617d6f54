"""An option is written once, as a field, and is there on the command line, in suite files and in Python."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from costmodel.cell.axes import SIZES
from costmodel.cell.setup import setup_of
from costmodel.cell.subjects import ModelOptions
from costmodel.cell.training import MOST_ACCUMULATED, Training
from costmodel.errors import InputError
from costmodel.methods import Options
from costmodel.options import Choices, Number, Switch, Whole, option, options_of
from costmodel.terminal.application import application
from costmodel.terminal.arguments import PANELS, options_for
from costmodel.terminal.cli import main
from costmodel.terminal.commands import COMMANDS
from validate.suites.suite_file import TABLE_KEYS, read

FIELDS = {name: each for choices in PANELS.values() for name, each in options_of(choices).items()}


def flags(command: str) -> set[str]:
    group: Any = typer.main.get_command(application())
    return {flag for parameter in group.get_command(None, command).params for flag in parameter.opts}


def suite(folder: Path, lines: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'name = "mine"\n[[cells]]\nmodels = "resnet18"\nmethods = "galore"\n{lines}\n')
    return path


@pytest.mark.parametrize("command", ["estimate", "compare", "sweep", "size", "formula", "peak", "layers", "validate"])
def test_every_field_and_every_axis_is_an_option_of_the_command_line(command: str) -> None:
    assert command in COMMANDS
    assert {each.flag for each in FIELDS.values()} | {axis.flag for axis in SIZES.values()} <= flags(command)


def test_every_field_and_every_axis_is_a_key_of_suite_files(tmp_path: Path) -> None:
    assert {*SIZES, *(each.key for each in options_of(ModelOptions).values())} < {*TABLE_KEYS}
    for key, choices in (("options", Options), ("training", Training)):
        with pytest.raises(InputError, match=f"{key} = 3: expected a table with keys of ") as refusal:
            read(suite(tmp_path, f"{key} = 3"))
        assert str(refusal.value).endswith(", ".join(each.key for each in options_of(choices).values()))


def test_every_field_says_what_it_takes() -> None:
    for choices in PANELS.values():
        assert options_of(choices).keys() == {place.name for place in fields(choices)}
        for each in options_of(choices).values():
            assert each.about.endswith(".")
            assert each.check(each.default) == each.default


def test_an_option_is_written_once() -> None:
    @dataclass(frozen=True, slots=True)
    class More(Options):
        power_steps: int = option(2, Whole(9), "Steps of power iteration.", default_shown=True)
        momentum: float | None = option(None, Number(), "Of the projection.")
        warm: bool = option(False, Switch(), "Begin with the last projection.")

    made = {parameter.name: parameter for parameter in options_for("Method", More)}
    assert [*made] == [*options_of(Options), "power_steps", "momentum", "warm"]
    assert (made["power_steps"].default, made["momentum"].default, made["warm"].default) == ("2", None, False)
    told = More.typed({"power_steps": "7", "warm": True, "alpha": "3", "batch": "8"})
    assert told == More(alpha=3, power_steps=7, warm=True)
    assert told.label == "--alpha 3 --power-steps 7 --warm"
    assert told.given == {"alpha": 3, "power_steps": 7, "warm": True}
    with pytest.raises(InputError, match="--power-steps 10: expected a positive integer up to 9"):
        More(power_steps=10)


WRONG: dict[str, tuple[Any, ...]] = {
    "alpha": (0, -1, 1.5, True, "x", [], 2**31),
    "update_gap": (0, -200, math.nan, None, "gap"),
    "scale": (0, 0.0, -1, math.nan, math.inf, -math.inf, 10**400, True, "0.5", None, [1]),
    "accumulate": (0, -1, 1.0, False, MOST_ACCUMULATED + 1, 100_000_000, None),
    "classes": (0, -10, 2.5, math.inf, None, 10**30),
    "rank_pattern": (3, "fc", {"fc": 0}, {"fc": -1}, {"fc": 2.5}, {3: 4}, [("fc",)], [[[], 1]], None),
    "projection": ("up", 3, None, []),
    "optimizer": ("sdg", None, 3, ["sgd"], {}),
    "loss": ("mean", None, 0),
    "dtype": ("float8", None, float),
    "train_mode": ("eval", None, True),
    "autocast": ("float16", True, []),
    "checkpoint": (1, "yes", None),
    "train_head": (1, "no", None),
    "aux": (1, "yes", None),
    "targets": (3, ["fc"], b"fc"),
    "no_rehearsal": (1, "yes", None),
    "rehearsal_seconds": (0, -1, "soon", None, math.inf),
    "rehearsal_memory": (3, None, "much", "64 miles"),
    "inputs": (3, ["3x96x96"], b"S"),
}


def test_each_field_has_wrong_values() -> None:
    assert WRONG.keys() == FIELDS.keys()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_values_are_refused_in_one_line(name: str, value: Any) -> None:
    (owner,) = (choices for choices in PANELS.values() if name in options_of(choices))
    with pytest.raises(InputError) as refusal:
        owner(**{name: value})
    assert FIELDS[name].flag in str(refusal.value) or f"unknown {name} " in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("choices", PANELS.values())
def test_a_name_that_is_no_field_is_refused_with_those_there_are(choices: type[Choices]) -> None:
    with pytest.raises(InputError) as refusal:
        choices(foo=1)
    assert str(refusal.value) == (
        f"unknown option of {choices.__name__} 'foo': accepted: {', '.join(options_of(choices))}"
    )


def test_a_field_that_is_nearly_right_is_named() -> None:
    with pytest.raises(
        InputError, match=r"^unknown option of Training 'optimiser': did you mean optimizer\? accepted: "
    ):
        Training(optimiser="sgd")


LINES = {
    "--scale nan": "scale = nan",
    "--scale inf": "scale = inf",
    "--scale -inf": "scale = -inf",
    "--scale 0.0": "scale = 0",
    "--scale -0.5": "scale = -0.5",
    "--update-gap 0": "update_gap = 0",
    "--update-gap -1": "update_gap = -1",
    "--accumulate 0": "accumulate = 0",
    "--accumulate -3": "accumulate = -3",
    "--accumulate 100000000": "accumulate = 100000000",
}


@pytest.mark.parametrize(("typed", "line"), LINES.items())
def test_numbers_that_are_none_are_refused_everywhere(
    typed: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", "resnet18", "--method", "galore", *typed.split()]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert f"{typed}: expected a " in error
    key = "training" if "accumulate" in line else "options"
    with pytest.raises(InputError, match=f"{key}.{line}: expected a "):
        read(suite(tmp_path, f"{key} = {{ {line} }}"))


def test_settings_are_objects() -> None:
    for name in ("options", "training"):
        with pytest.raises(InputError, match=f"{name} 3: expected costmodel's {name.capitalize()}, or None"):
            setup_of("resnet18", **{name: 3})
    assert isinstance(Training(), Choices)
