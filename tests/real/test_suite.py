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
from dataclasses import replace
from pathlib import Path

import pytest

from costmodel.errors import InputError
from costmodel.terminal.cli import main
from costmodel.terminal.tables import Line, plain
from validate.cell import OPERATORS
from validate.commands.blocks import sounding_blocks
from validate.compare import Row
from validate.deep import Sounding, sound
from validate.depths import DEPTHS
from validate.suites import journal
from validate.suites.plan import Plan, plan_of
from validate.suites.predictions import Prediction
from validate.suites.rows import SuiteTable, row_of
from validate.suites.sheet import write
from validate.suites.table import validate_suite
from validate.workers.limits import Limits
from validate.workers.pool import pool

SUITE = ["validate", "resnet18", "--suite", "paper", "--output"]


def records(folder: Path) -> list[dict]:
    path = folder / "paper.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.full
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


def run(plan: Plan, folder: Path, **how: int) -> SuiteTable:
    return validate_suite(plan, folder, pool(1, Limits()), **how)


def one_cell() -> Plan:
    plan = plan_of("paper")
    chosen = tuple(spec for spec in plan.cells if (spec.model, spec.method) == ("resnet18", "bn_head"))
    return replace(plan, cells=chosen)


def test_tables_hold_each_cell_and_its_command(tmp_path: Path) -> None:
    assert run(one_cell(), tmp_path).equal
    (row,) = csv.DictReader((tmp_path / "paper.csv").open())
    assert row["verdict"] == "equal"
    assert main(shlex.split(row["command"])[1:]) == 0
    assert "| resnet18 | bn_head |" in (tmp_path / "paper.md").read_text()


def test_a_number_that_differs_is_in_the_table(tmp_path: Path) -> None:
    assert run(one_cell(), tmp_path).equal
    path = tmp_path / "paper.jsonl"
    (record,) = journal.records(path)
    record["measured"]["memory.peak"] += 4
    path.write_text(json.dumps(record) + "\n")
    wrong = run(one_cell(), tmp_path)
    peak = record["measured"]["memory.peak"]
    assert not wrong.equal
    assert wrong.rows[0].verdict == f"differs: memory.peak {peak - 4} for {peak}"


def test_what_does_not_fit_is_listed_with_its_predicted_peak(tmp_path: Path) -> None:
    made = run(plan_of("paper").of_model("resnet18"), tmp_path, limit=60 * 2**20)
    verdicts = {row.spec.method: row.verdict for row in made.rows}
    assert verdicts["bn_head"] == "equal"
    assert verdicts["fft"].startswith("not run: its peak of 0.18 GiB is over")
    assert made.rows[0].headline == (197821540, None)
    assert not (tmp_path / "paper.csv").exists()  # the tables are of the whole suite


def test_a_table_of_estimates_has_a_line_for_each_quantity_and_their_errors(tmp_path: Path) -> None:
    plan = one_cell().at_depth("process")
    (spec,) = plan.cells
    prediction = Prediction({"process.controlled": 110, "process.default": 90}, 10)
    record = {"measured": {"process.controlled": 100, "process.default": 100}, "seconds": 1.5}
    row = row_of(spec, prediction, record, 2**30)
    assert row.verdict == "measured: process.controlled +10.0%, process.default -10.0%"
    made = SuiteTable(plan.name, plan.words, (row,), {"torch": "1"})
    assert made.equal
    write(made, tmp_path)
    lines = list(csv.DictReader((tmp_path / "paper-process.csv").open()))
    assert [(line["quantity"], line["predicted"], line["measured"]) for line in lines] == [
        ("process.controlled", "110", "100"),
        ("process.default", "90", "100"),
    ]
    assert lines[0]["command"].endswith("--depth process")
    page = (tmp_path / "paper-process.md").read_text()
    assert "`costmodel validate --suite paper --depth process --output" in page
    assert "| process.controlled | 1 | 10.0% | 10.0% | 10.0% |" in page
    without = row_of(spec, Prediction(None, 10, InputError("no calibration")), None, 2**30)
    assert without.verdict == "failed: no estimate: no calibration"


def test_one_cell_at_a_depth_is_measured_in_a_process_of_its_own() -> None:
    (spec,) = one_cell().cells
    sounding = sound(replace(spec, point={"N": 1, "H": 64, "W": 64}, depth=OPERATORS))
    assert sounding.equal
    told = sounding.to_dict()
    assert (told["schema"], told["depth"], told["point"]) == (
        "costmodel.validate/1",
        "operators",
        {"N": 1, "H": 64, "W": 64},
    )
    assert {row["difference"] for row in told["rows"]} == {0}
    assert any(isinstance(block, Line) and "equal: all" in block.text for block in sounding_blocks(sounding))


def test_an_estimate_has_an_error_and_no_equal() -> None:
    (spec,) = one_cell().cells
    rows = (Row("time.step", "time", 1.1, 1.0),)
    sounding = Sounding(rows, ("a note",), DEPTHS["time"], spec.setup, spec.at, None, 1.0)
    assert sounding.to_dict()["equal"] is None
    assert sounding.to_dict()["rows"][0]["error"] == pytest.approx(0.1)
    text = "\n".join(plain(block) for block in sounding_blocks(sounding))
    assert "+10.0%" in text
    assert "An estimate: there is no equal, only its error." in text


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([*SUITE, str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
