"""What the README shows is what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import costmodel
from costmodel.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SHOWN = [
    (line.removeprefix("costmodel "), body)
    for line, body in re.findall(r"```\n\$ (costmodel estimate [^\n]+)\n(.*?)```", README, re.DOTALL)
]


def squeeze(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(("line", "body"), SHOWN, ids=[line for line, _ in SHOWN])
def test_shown_output(line: str, body: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 0
    printed = iter(squeeze(capsys.readouterr().out))
    for expected in squeeze(body):
        if expected != "...":
            assert expected in printed  # in this order; "..." leaves lines out


def test_python_example() -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    scope: dict[str, object] = {}
    exec(code, scope)
    for expression, value in re.findall(r"^(estimate\S+)\s+# (\d+|'[^']+')", code, re.MULTILINE):
        assert str(eval(expression, scope)) == value.strip("'")


def test_there_is_one_test_command() -> None:
    assert len(re.findall(r"^<!-- test command -->$", README, re.MULTILINE)) == 1
    assert (
        costmodel.__version__
        == re.search(r'^version = "(.*)"', (Path(__file__).parents[2] / "pyproject.toml").read_text(), re.MULTILINE)[1]
    )
