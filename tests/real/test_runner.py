"""Suites run in isolated processes: what one cell does reaches no other, and an end at any moment loses nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from costmodel.terminal.cli import main
from tests.processes import alive, needs_proc, of_session, until
from validate.suites.journal import Journal

NET = """
import os, subprocess, sys, time
from multiprocessing import parent_process
from pathlib import Path
from torch import nn

HERE = Path(__file__).parent

def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3))

def crashing():
    flag = HERE / "crashed"
    if parent_process() is not None and not flag.exists():
        flag.touch()
        os.abort()
    return small()

def stuck():
    if parent_process() is not None:
        child = subprocess.Popen(["sleep", "600"])
        (HERE / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    return small()
"""


def suite(folder: Path, *tables: str) -> list[str]:
    (folder / "net.py").write_text(NET)
    (folder / "mine.toml").write_text('name = "mine"\n' + "".join(f"[[cells]]\n{table}\n" for table in tables))
    return ["validate", "--suite", str(folder / "mine.toml"), "--output", str(folder / "out")]


def records(folder: Path) -> list[dict]:
    path = folder / "out" / "mine.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def verdicts(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [row["verdict"] for row in json.loads(capsys.readouterr().out)["rows"]]


def own(folder: Path, name: str) -> str:
    return f'models = "{folder}/net.py:{name}"\nmethods = "fft"\ninput = "3x16x16"'


def test_what_crashes_is_tried_again_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = suite(tmp_path, own(tmp_path, "crashing"), own(tmp_path, "small"))
    assert main([*command, "--retries", "0", "--json"]) == 1
    assert verdicts(capsys) == ["failed: the process ended with status -6", "equal"]
    (tmp_path / "crashed").unlink()
    (tmp_path / "out" / "mine.jsonl").unlink()
    assert main([*command, "--json"]) == 0
    assert verdicts(capsys) == ["equal", "equal"]
    assert ["failed" in record for record in records(tmp_path)] == [True, False, False]


@pytest.mark.full
@needs_proc
def test_what_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = suite(tmp_path, own(tmp_path, "stuck"), own(tmp_path, "small"))
    assert main([*command, "--time-limit", "10", "--retries", "0", "--json"]) == 1
    assert verdicts(capsys) == ["failed: over the time limit of 10 s", "equal"]
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert until(lambda: not any(map(alive, pids)), 10)


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is enforced on Linux")
def test_what_needs_too_much_memory_fails_and_the_others_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = suite(
        tmp_path,
        'models = "resnet18"\nmethods = "fft"\nbatch = 32',  # 0.8 GiB of tensors beside torch's 0.4
        'models = "squeezenet1_1"\nmethods = "fft"\nresolution = 64',
        'models = "resnet18"\nmethods = "fft"\nbatch = 64',
    )
    assert main([*command, "--memory-limit", "1GiB", "--json"]) == 1
    over, fine, never = verdicts(capsys)
    assert over.startswith("failed: over the memory limit of 1.00 GiB: RuntimeError")
    assert fine == "equal"
    assert never.startswith("not run: its peak of")
    assert never.endswith("is over 1 GiB")
    assert main([*command, "--memory-limit", "2GiB", "squeezenet1_1", "--json"]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--memory-limit", "lots"], "--memory-limit lots: expected a positive number with a unit"),
        (["--part", "3/2"], "--part 3/2: expected K/N"),
        (["--depth", "deep"], "unknown depth 'deep'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main([*suite(tmp_path, own(tmp_path, "small")), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_options_of_a_suite_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "resnet18", "--retries", "3", "--memory-limit", "1GiB"]) == 2
    assert "--memory-limit, --retries: only with --suite" in capsys.readouterr().err


@pytest.mark.full
def test_a_prediction_that_changed_is_written_beside_its_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*suite(tmp_path, own(tmp_path, "small")), "--json"]
    assert main(command) == 0
    (record,) = records(tmp_path)
    assert record["predicted"] == record["measured"]
    whole = {name: value for name, value in record.items() if name != "crc32"}
    old = {**whole, "predicted": {**record["predicted"], "memory.peak": 1}}
    (tmp_path / "out" / "mine.jsonl").write_text(json.dumps(old) + "\n")
    assert main(command) == 0
    assert records(tmp_path) == [old, record]
    assert main(command) == 0
    assert len(records(tmp_path)) == 2


@needs_proc
@pytest.mark.parametrize("processes", [3, pytest.param(5, marks=pytest.mark.full)])
def test_ctrl_c_reaches_all_and_one_line_is_said(tmp_path: Path, processes: int) -> None:
    """While the server that forks loads torch (beside it: the runner and a tracker), and with two cells."""
    cells = 'models = "resnet18"\nmethods = ["fft", "bn_head"]\nbatch = 16'
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *suite(tmp_path, cells), "--jobs", "2"],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where a shell started this with &
    )
    assert until(lambda: len(of_session(running.pid)) >= processes or running.poll() is not None)
    os.killpg(running.pid, signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (130, "costmodel: interrupted\n")
    assert until(lambda: not of_session(running.pid), 20)


def test_two_runs_do_not_write_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fcntl")
    command = suite(tmp_path, own(tmp_path, "small"))
    with Journal(tmp_path / "out" / "mine.jsonl", {}).taken():
        assert main(command) == 2
    out = tmp_path / "out"
    assert capsys.readouterr() == ("", f"costmodel: {out} is in use: another run writes mine.jsonl\n")
    assert records(tmp_path) == []
    assert main(command) == 0


@pytest.mark.full
@needs_proc
def test_killed_at_random_moments_it_loses_nothing_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = int(os.environ.get("COSTMODEL_TEST_KILLS", "3"))
    cells = f'models = "squeezenet1_1"\nmethods = ["fft", "bn_head"]\nresolution = 64\nbatch = "1:{rounds + 1}"'
    command = [*suite(tmp_path, cells), "--jobs", "2"]
    path = tmp_path / "out" / "mine.jsonl"
    moments = random.Random(5)
    whole: list[str] = []
    kills = 0
    for _ in range(rounds):
        running = subprocess.Popen(
            [sys.executable, "-m", "costmodel", *command],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        had = len(whole)
        if moments.random() < 0.3:  # while it starts
            time.sleep(moments.uniform(0, 5))
        else:  # soon after it has written something down
            until(lambda had=had, running=running: running.poll() is not None or len(records_of(path)) > had, 120)
            time.sleep(moments.uniform(0, 0.6))
        kills += running.poll() is None
        os.kill(running.pid, signal.SIGKILL)  # the runner alone: its workers have to notice
        running.wait()
        assert until(lambda running=running: not of_session(running.pid), 120)  # the fork server loads torch to the end
        now = records_of(path)
        assert now[:had] == whole
        whole = now
    with capsys.disabled():
        print(f" {kills} kills, {len(whole)} of {2 * (rounds + 1)} cells written down by then")
    assert kills
    assert main([*command, "--json"]) == 0
    assert verdicts(capsys) == ["equal"] * 2 * (rounds + 1)
    told = [json.loads(line)["cell"] for line in records_of(path)]
    assert len(told) == len(set(told)) == 2 * (rounds + 1)


def records_of(path: Path) -> list[str]:
    """Return the whole lines of a journal."""
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines() if line.endswith("}")]
