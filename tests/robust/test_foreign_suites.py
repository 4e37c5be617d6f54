"""Suite files that somebody else wrote: what is wrong is one line; `merge`, which reads, runs no code of theirs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from costmodel.terminal.cli import main
from tests.robust.formulas import CODE, ESCAPE
from validate.suites.journal import line_of
from validate.suites.plan import plan_of


def table(**lines: str) -> str:
    told = {"models": '"resnet18"', "methods": '"fft"'} | lines
    return 'name = "mine"\n[[cells]]\n' + "".join(f"{key} = {value}\n" for key, value in told.items())


NAME = table().replace
SUITES: dict[str, str | bytes] = {
    "a file as a model": table(models='"evil.py:factory"'),
    "a file of another folder as a model": table(models='"../evil.py:factory"'),
    "a module as a model": table(models='"evil:factory"'),
    "a function of Python as a model": table(models='"os:abort"'),
    "a name that looks like one of ours": table(models='"validate.examples.evil:factory"'),
    "code after a name": table(models='["resnet18", "evil.py:factory"]'),
    "code as a model": table(models=json.dumps(CODE)),
    "a path as a name": NAME('"mine"', '"../../outside"'),
    "an absolute path as a name": NAME('"mine"', '"/tmp/outside"'),
    "a hidden file as a name": NAME('"mine"', '".bashrc"'),
    "a path of Windows as a name": NAME('"mine"', "'C:\\outside'"),
    "an option as a name": NAME('"mine"', '"--output"'),
    "a line end in a name": NAME('"mine"', '"mine\\nother"'),
    "a name of 300 letters": NAME('"mine"', f'"{"a" * 300}"'),
    "escape codes in a model": table(models=json.dumps(ESCAPE)),
    "escape codes in a key": table(**{json.dumps(ESCAPE): "1"}),
    "escape codes in a method": table(methods=json.dumps(f"fft{ESCAPE}")),
    "another direction in a depth": table(depth='"\u202esrotarepo"'),
    "a script as an input": table(input='"<script>alert(1)</script>"'),
    "code as a size": table(batch=json.dumps(CODE)),
    "a range without an end": table(batch='"1:2147483647"'),
    "a product of a billion cells": table(batch='"1:1000"', height='"64:1063"', width='"64:1063"'),
    "a size that is infinite": table(batch="inf"),
    "a size that is not a number": table(batch="nan"),
    "a size of 5,000 digits": table(batch="9" * 5000),
    "an option that a dataclass has": table(methods='"lora"', options="{ __class__ = 1 }"),
    "a training that is code": table(training=f"{{ optimizer = {json.dumps(CODE)} }}"),
    "tables that are text": 'name = "mine"\ncells = "resnet18"\n',
    "a key twice": table() + 'models = "resnet34"\n',
    "nested 100,000 deep": 'name = "mine"\ncells = ' + "[" * 100_000,
    "tables nested 20,000 deep": "[" + ".".join(["a"] * 20_000) + "]\n",
    "a megabyte and more": table() + "#" * 2**21,
    "no UTF-8": b"\xff\xfe\x00n",
    "UTF-16": table().encode("utf-16"),
    "zeros": b"\0" * 1000,
    "nothing": b"",
    "a pickle": b"cposix\nsystem\n(S'touch executed'\ntR.",
}


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "here").mkdir()
    for folder in (tmp_path, tmp_path / "here"):
        (folder / "evil.py").write_text("open('executed', 'w')\ndef factory():\n    open('executed', 'w')\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # what is imported leaves nothing else behind
    (tmp_path / "here" / "runs").mkdir()
    (tmp_path / "here" / "runs" / "mine.jsonl").write_text(
        line_of({"cell": "{}", "measured": {"memory.peak": 1}, "versions": {}})
    )
    yield
    assert {path.name for path in tmp_path.iterdir()} == {"here", "evil.py"}
    assert {path.name for path in (tmp_path / "here").iterdir()} <= {"evil.py", "runs", "mine.toml"}


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["merge", "mine.toml", "runs", "--output", "out"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert "mine.toml" in err
    assert len(err) < 5000
    return err


@pytest.mark.parametrize("what", SUITES)
def test_a_suite_that_is_none_is_one_line(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = SUITES[what]
    Path("mine.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(capsys)


def test_a_file_without_an_end_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").touch()
    os.truncate("mine.toml", 2**42)
    assert "more than" in refused(capsys)


def test_an_endless_device_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").symlink_to("/dev/zero")
    assert "more than" in refused(capsys)


def test_code_is_run_where_that_is_said(tmp_path: Path) -> None:
    Path("evil.py").write_text("import torch\ndef factory():\n    return torch.nn.Linear(3, 4)\n")
    Path("mine.toml").write_text(table(models='"evil.py:factory"', input='"3"'))
    (cell,) = plan_of("mine.toml").cells
    assert cell.model == "evil.py:factory"


def test_models_of_our_own_are_no_code_of_theirs() -> None:
    Path("mine.toml").write_text(table(models='"validate.examples:llama"', input='"input_ids=S:int64"', length="17"))
    assert plan_of("mine.toml", code=False).cells == plan_of("mine.toml").cells
