"""What the README shows is what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import costmodel
from tests import pages

PAGE = Path(__file__).parents[2] / "README.md"
README = PAGE.read_text(encoding="utf-8")


def test_shown_output(request: pytest.FixtureRequest) -> None:
    assert "\n$ costmodel estimate" in README
    now = pages.rerun(README, python=False)
    if request.config.getoption("--regenerate"):
        PAGE.write_text(now, encoding="utf-8")
    else:
        assert now == README


@pytest.mark.full  # it shows what takes seconds; .ci/run runs it each time
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
        == re.search(r'^version = "(.*)"', (PAGE.parent / "pyproject.toml").read_text(), re.MULTILINE)[1]
    )
