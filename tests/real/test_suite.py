"""A suite of real steps: each in its own process, interrupted and resumed, its table written whole."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from costmodel.cli import main
from validate import table
from validate.suite import cells

SUITE = ["validate", "resnet18", "--suite", "paper", "--output"]


def records(folder: Path) -> list[dict]:
    path = folder / "paper.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_interrupted_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *SUITE, str(tmp_path)],
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where a shell started all this with &
    )
    deadline = time.monotonic() + 300
    while not records(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(60) == 130
    before = records(tmp_path)
    assert 1 <= len(before) < 5

    assert main([*SUITE, str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["verdict"] for row in rows] == ["equal"] * 5
    assert records(tmp_path)[: len(before)] == before  # measured once
    assert len(records(tmp_path)) == 5


def test_tables_hold_each_cell_and_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [spec for spec in cells("paper") if (spec.model, spec.method) == ("resnet18", "bn_head")]
    monkeypatch.setattr(table, "cells", lambda _: chosen)
    made = table.validate_suite("paper", None, tmp_path, 1, lambda *_: None)
    assert made.equal
    (row,) = csv.DictReader((tmp_path / "paper.csv").open())
    assert row["verdict"] == "equal"
    assert main(shlex.split(row["command"])[1:]) == 0
    assert "| resnet18 | bn_head |" in (tmp_path / "paper.md").read_text()


def test_a_number_that_differs_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [spec for spec in cells("paper") if (spec.model, spec.method) == ("resnet18", "bn_head")]
    monkeypatch.setattr(table, "cells", lambda _: chosen)
    assert table.validate_suite("paper", "resnet18", tmp_path, 1, lambda *_: None).equal
    path = tmp_path / "paper.jsonl"
    record = json.loads(path.read_text())
    record["measured"]["memory.peak"] += 4
    path.write_text(json.dumps(record) + "\n")
    wrong = table.validate_suite("paper", "resnet18", tmp_path, 1, lambda *_: None)
    peak = record["measured"]["memory.peak"]
    assert not wrong.equal
    assert wrong.rows[0].verdict == f"differs: memory.peak {peak - 4} for {peak}"


def test_what_does_not_fit_is_listed_with_its_predicted_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LIMIT", 60 * 2**20)
    made = table.validate_suite("paper", "resnet18", tmp_path, 1, lambda *_: None)
    verdicts = {row.spec.method: row.verdict for row in made.rows}
    assert verdicts["bn_head"] == "equal"
    assert verdicts["fft"].startswith("not run: its peak of 0.18 GiB is over")
    assert made.rows[0].predicted == 197821540
    assert made.rows[0].measured is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([*SUITE, str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
