"""``python -OO``, without asserts and docstrings: the same numbers, and a help that says what a command is for."""

from __future__ import annotations

import subprocess
import sys

import pytest

LINES = (
    "estimate resnet18 --method lora --json",  # ships
    # is derived; python -OO has none of torch compiled
    pytest.param("estimate squeezenet1_1 --optimizer sgd --json", marks=pytest.mark.full),
    "estimate resnet18 --batch 0",
)


def run(*options: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, *options], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("line", LINES)
def test_it_prints_the_same(line: str, empty_cache: object) -> None:
    words = ("-m", "costmodel", *line.split())
    assert run("-OO", *words) == run(*words)


def test_a_command_still_says_what_it_is_for() -> None:
    status, out, err = run("-OO", "-m", "costmodel", "estimate", "--help")
    assert (status, err) == (0, "")
    assert "FLOPs and memory of one fine-tuning step, exactly" in out
