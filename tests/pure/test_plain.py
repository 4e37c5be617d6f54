"""Words that are read without typer mean what they mean to typer, and a short answer does without it."""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import start
from costmodel.terminal import plain
from costmodel.terminal.application import answer
from costmodel.terminal.commands import COMMANDS, Command
from costmodel.terminal.declared import Option, parameters_of, taking, told

PLAIN = ("estimate", "compare", "sweep", "size", "formula", "peak", "layers", "models", "methods")
"""Commands whose options are all declared here."""

VALUES = ("lora", "r", "8", "0.5", "1e3", "x y", "a=b", "timm:x", "ü", "64MiB", "N,H", "-1", "", "--json", "-", "nan")


def to_typer(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what typer calls a command with."""
    seen: list[dict[str, Any]] = []
    declared = taking(parameters_of(COMMANDS[name].load()), lambda **given: seen.append(given))
    with monkeypatch.context() as patch:
        patch.setattr(Command, "load", lambda command: declared)
        answer([name, *words])
    (given,) = seen
    return given


def lines(command: Callable[..., Any]) -> list[list[str]]:
    """Draw words for a command: some of its options with values of all kinds, some models."""
    draw = random.Random(0)
    flags = [flag for parameter in parameters_of(command) for flag in plain._flags(parameter)]
    switches = {
        flag for each in parameters_of(command) for flag in plain._flags(each) if each.annotation.__origin__ is bool
    }
    drawn = []
    for _ in range(150):
        words: list[list[str]] = [["alexnet"]] * draw.randrange(3)
        for flag in draw.sample(flags, min(len(flags), draw.randrange(4))):
            words.append([flag] if flag in switches else [flag, draw.choice(VALUES)])
        draw.shuffle(words)
        drawn.append([word for part in words for word in part])
    return drawn


@pytest.mark.parametrize("name", PLAIN)
def test_plain_words_mean_what_they_mean_to_typer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = COMMANDS[name].load()
    read = [(words, found) for words in lines(command) if (found := plain.read(command, words)) is not None]
    assert len(read) > 20
    for words, found in read:
        assert repr(found) == repr(to_typer(name, words, monkeypatch)), words  # nan is not equal to itself


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "resnet18 --help",
        "resnet18 --batch=2",
        "resnet18 --batch",
        "resnet18 --batch -1",
        "resnet18 --batch ''",
        "resnet18 --batch 1 --batch 2",
        "resnet18 --json --json",
        "resnet18 --batc 2",
        "resnet18 --scale x",
        "resnet18 -mlora",
        "resnet18 -- alexnet",
        "resnet18 alexnet",
        "''",
    ],
)
def test_what_is_not_plain_is_left_to_typer(words: str) -> None:
    assert plain.read(COMMANDS["estimate"].load(), shlex.split(words)) is None


def test_words_that_a_command_needs_are_missed_by_typer() -> None:
    assert plain.read(COMMANDS["compare"].load(), []) is None


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in PLAIN])
def test_commands_with_options_of_typers_own_are_left_to_typer(name: str) -> None:
    assert plain.read(COMMANDS[name].load(), []) is None


@pytest.mark.parametrize("name", PLAIN)
def test_flags_are_those_that_typer_makes(name: str) -> None:
    """An option without flags of its own is called as its parameter is, which is a switch nowhere."""
    for parameter in parameters_of(COMMANDS[name].load()):
        said: Any = told(parameter)
        if isinstance(said, Option) and not said.flags:
            assert parameter.annotation.__origin__ is not bool


@pytest.mark.parametrize("line", [line for line in start.COMMANDS if line != "--help"])
def test_a_short_answer_needs_no_typer(line: str) -> None:
    code = (
        f"import sys; from costmodel.terminal.cli import main; main({line.split()}); sys.exit('typer' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
