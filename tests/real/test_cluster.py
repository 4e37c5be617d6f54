"""Cells measured by the workers of a real Dask cluster of two processes, one of which is killed while it measures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import validate.depths
from costmodel.terminal.cli import main
from tests.processes import alive, ancestors, needs_proc, until
from tests.real.test_from_outside import Parameters
from tests.schemas import read
from validate.cell import CellSpec
from validate.depths import DEPTHS
from validate.workers.helper import Helper, answer_for, task_for
from validate.workers.limits import Limits

pytest.importorskip("distributed")

NET = """
import os, time
from multiprocessing import parent_process
from pathlib import Path
from torch import nn

def stuck_once():
    flag = Path(__file__).with_name("pid")
    if parent_process() is not None and not flag.exists():
        flag.with_suffix(".new").write_text(str(os.getpid()))
        flag.with_suffix(".new").rename(flag)
        time.sleep(600)
    return nn.Sequential(nn.Conv2d(3, 4, 3))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def suite(folder: Path) -> list[str]:
    (folder / "net.py").write_text(NET)
    (folder / "mine.toml").write_text(
        f"""name = "mine"
[[cells]]
models = ["{folder}/net.py:stuck_once"]
methods = "fft"
input = "3x16x16"
[[cells]]
models = "squeezenet1_1"
methods = ["fft", "bn_head"]
batch = [1, 2]
resolution = 64
"""
    )
    return ["validate", "--suite", str(folder / "mine.toml"), "--output", str(folder / "out")]


@pytest.mark.full
@needs_proc
def test_a_worker_killed_in_the_middle_of_a_cell_loses_none_and_doubles_none(cluster: Any, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *suite(tmp_path), "--scheduler", cluster.scheduler_address, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    flag = tmp_path / "pid"
    assert until(lambda: flag.exists() or running.poll() is not None)
    measuring = int(flag.read_text())
    workers = {nanny.pid for nanny in cluster.workers.values()}
    (worker,) = workers & set(ancestors(measuring))
    os.kill(worker, signal.SIGKILL)
    out, error = running.communicate(timeout=300)
    assert running.returncode == 0, error
    assert [row["verdict"] for row in read(out)["rows"]] == ["equal"] * 5
    assert error == ""
    assert until(lambda: not alive(measuring), 20)  # the killed worker's cell
    lines = (tmp_path / "out" / "mine.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert len({record["cell"] for record in told}) == len(told) == 5
    assert not any("failed" in record for record in told)


@pytest.mark.full
@needs_proc
def test_when_the_client_is_killed_its_cells_end(cluster: Any, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *suite(tmp_path), "--scheduler", cluster.scheduler_address],
        stdout=subprocess.DEVNULL,
    )
    flag = tmp_path / "pid"
    assert until(lambda: flag.exists() or running.poll() is not None)
    measuring = int(flag.read_text())
    running.kill()
    running.wait()
    assert until(lambda: not alive(measuring), 30)


@pytest.mark.full
def test_a_failing_cell_is_an_answer_and_the_worker_lives(cluster: Any, tmp_path: Path) -> None:
    command = suite(tmp_path)
    (tmp_path / "pid").touch()
    text = (tmp_path / "mine.toml").read_text().split('[[cells]]\nmodels = "squeeze')[0]
    crash = "import os\n    if parent_process() is not None: os.abort()\n    return nn.Conv2d(3, 4, 3)"
    (tmp_path / "net.py").write_text(NET + f"\ndef crashing():\n    {crash}\n")
    (tmp_path / "mine.toml").write_text(text.replace("stuck_once", "crashing"))
    before = {nanny.pid for nanny in cluster.workers.values()}
    assert main([*command, "--scheduler", cluster.scheduler_address]) == 1
    told = [json.loads(line) for line in (tmp_path / "out" / "mine.jsonl").read_text().splitlines()]
    assert [record["failed"] for record in told] == ["the process ended with status -6"] * 2  # and its retry
    assert {nanny.pid for nanny in cluster.workers.values()} == before


def said(options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*suite(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not (folder / "out" / "mine.jsonl").exists()
    return error


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "udp://127.0.0.1:80"])
def test_nobody_answers(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"--scheduler {address}: nobody answers there" in said(["--scheduler", address], tmp_path, capsys)


def test_jobs_are_the_workers_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--jobs with --scheduler" in said(["--scheduler", "tcp://127.0.0.1:9", "--jobs", "2"], tmp_path, capsys)


def test_without_dask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    error = said(["--scheduler", "tcp://127.0.0.1:9"], tmp_path, capsys)
    assert "distributed is not installed; pip install 'costmodel[cluster]'" in error


def test_a_worker_with_other_versions_says_so() -> None:
    task = task_for(CellSpec("squeezenet1_1", "fft", {"N": 1, "H": 64, "W": 64}), Limits(), {"torch": "1.0"})
    assert answer_for(task)["failed"].startswith("the worker has other versions: torch 2")


@pytest.fixture
def helper() -> Iterator[Helper]:
    made = Helper()
    yield made
    made.end()


@pytest.mark.full
def test_a_worker_measures_at_a_depth_that_only_the_client_has_registered(helper: Helper) -> None:
    depth = Parameters("parameters", "numbers that are trained", exact=True, headline="parameters.trained", unit="")
    validate.depths.register(depth)
    try:
        task = task_for(
            CellSpec("squeezenet1_1", "bn_head", {"N": 1, "H": 64, "W": 64}, depth=depth.name), Limits(), {}
        )
    finally:
        del DEPTHS[depth.name]
    answer = helper.ask(task)
    assert answer is not None
    assert answer["measured"] == {"parameters.trained": 512 * 10 + 10}
    elsewhere = helper.ask(task.replace(Parameters.__module__, "not_installed_here"))
    assert elsewhere == {
        "failed": "the worker does not know depth 'parameters': No module named 'not_installed_here'; install the "
        "package that has not_installed_here.Parameters there"
    }
