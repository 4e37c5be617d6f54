"""Two result files are compared: exact numbers without tolerance, estimates with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from costmodel.terminal.cli import main
from tests.lines import printed
from validate.cell import CellSpec
from validate.suites.drift import compare, gathered, stated

OLD = {"torch": "2.13.0", "torchvision": "0.28.0", "peft": "0.21.2", "galore-torch": "1.0"}
NEW = {**OLD, "torch": "2.14.0"}
CELLS = [CellSpec("resnet18", "fft", {"N": n, "H": 64, "W": 64}).key for n in (1, 2, 3)]
TIMED = CellSpec("resnet18", "fft", {"N": 1, "H": 64, "W": 64}, depth="time").key


def record(cell: str, versions: dict[str, str] = OLD, predicted: Any = None, **measured: float) -> dict[str, Any]:
    told = {"cell": cell, "measured": measured, "versions": versions}
    return told if predicted is None else {**told, "predicted": predicted}


def between(old: list[dict[str, Any]], new: list[dict[str, Any]], tolerance: float = 0.05) -> Any:
    return compare(gathered(Path("old"), old), gathered(Path("new"), new), tolerance)


def test_nothing_has_changed() -> None:
    found = between([record(CELLS[0], peak=4)], [record(CELLS[0], NEW, peak=4)])
    assert found.same
    assert found.unchanged == 1
    assert (found.old.versions, found.new.versions) == ((OLD,), (NEW,))


def test_added_removed_and_changed() -> None:
    found = between(
        [record(CELLS[0], peak=4), record(CELLS[1], peak=9)], [record(CELLS[0], peak=5), record(CELLS[2], peak=1)]
    )
    assert (found.added, found.removed) == ((CELLS[2],), (CELLS[1],))
    (cell,) = found.changed
    (change,) = cell.changes
    assert (change.quantity, change.kind, change.old, change.new, change.relative) == ("peak", "measured", 4, 5, 0.25)
    assert not found.same


@pytest.mark.parametrize(("now", "same"), [(1.04, True), (0.96, True), (1.06, False), (0.94, False)])
def test_estimates_have_a_tolerance(now: float, same: bool) -> None:
    assert between([record(TIMED, **{"time.step": 1.0})], [record(TIMED, **{"time.step": now})]).same is same


def test_exact_numbers_have_none() -> None:
    assert not between([record(CELLS[0], peak=10**9)], [record(CELLS[0], peak=10**9 + 1)], tolerance=0.5).same


def test_predictions_are_compared_where_both_have_them() -> None:
    old = record(CELLS[0], predicted={"peak": 4}, peak=4)
    wrong = record(CELLS[0], predicted={"peak": 5}, peak=4)
    (cell,) = between([old], [wrong]).changed
    assert cell.verdicts == ("equal", "differs")
    assert [(change.kind, change.old, change.new) for change in cell.changes] == [("predicted", 4, 5)]
    assert between([record(CELLS[0], peak=4)], [old]).same  # the older journal has no predictions


def test_verdicts() -> None:
    refused = {"cell": CELLS[0], "refused": "no", "versions": NEW}
    (cell,) = between([record(CELLS[0], peak=4)], [refused]).changed
    assert cell.verdicts == ("measured", "refused: no")
    assert between([refused], [refused]).same
    assert not between([refused], [{**refused, "refused": "why"}]).same


def test_the_last_record_of_a_cell_counts_but_not_a_failure_after_a_success() -> None:
    failed = {"cell": CELLS[0], "failed": "status -9", "versions": OLD}
    found = gathered(Path("x"), [record(CELLS[0], peak=1), record(CELLS[0], peak=2), failed])
    assert found.cells[CELLS[0]]["measured"] == {"peak": 2}
    newer = gathered(Path("x"), [record(CELLS[0], peak=1), {**failed, "versions": NEW}])
    assert "failed" in newer.cells[CELLS[0]]


def test_versions_that_do_not_contradict_each_other_are_one_set() -> None:
    """A record names only what its own numbers depend on."""
    peft, galore = {"torch": "1", "peft": "2"}, {"torch": "1", "galore-torch": "3"}
    found = gathered(Path("x"), [record(cell, told) for cell, told in zip(CELLS, (peft, galore, NEW), strict=True)])
    assert found.versions == ({**peft, **galore}, NEW)


def test_versions_always_name_the_four() -> None:
    assert stated({"torch": "1"}) == "torch 1, torchvision not stated, peft not stated, galore_torch not stated"


def write(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return str(path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "old.jsonl", record(CELLS[0], peak=4), record(CELLS[1], peak=9))
    new = write(tmp_path / "new.jsonl", record(CELLS[0], NEW, peak=5), record(CELLS[1], NEW, peak=9))
    assert main(["drift", old, old]) == 0
    assert "2 unchanged" in capsys.readouterr().out
    assert main(["drift", old, new]) == 1
    out = capsys.readouterr().out
    assert "torch 2.14.0, torchvision 0.28.0, peft 0.21.2, galore_torch 1.0" in out
    assert "changed: resnet18 fft N=1 H=64 W=64" in out
    assert "peak measured: 4 -> 5 (+25.0%)" in out
    told = printed(f"drift {old} {new}", capsys, status=1)
    assert told["schema"] == "costmodel.drift/1"
    assert (told["same"], told["unchanged"], told["old"]["versions"]) == (False, 1, [OLD])
    assert told["changed"][0]["numbers"] == [
        {"quantity": "peak", "kind": "measured", "old": 4, "new": 5, "change": 0.25}
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "cannot be read"), ("", "has no results"), ("{}\nnull\n\x00", "has no results")],
)
def test_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str) -> None:
    good = write(tmp_path / "good.jsonl", record(CELLS[0], peak=4))
    bad = tmp_path / "bad.jsonl"
    if text is not None:
        bad.write_text(text)
    assert main(["drift", good, str(bad)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert main(["drift", good, str(tmp_path)]) == 2


@pytest.mark.parametrize("tolerance", ["5", "x%", "-1%", ""])
def test_bad_tolerance(tmp_path: Path, capsys: pytest.CaptureFixture[str], tolerance: str) -> None:
    good = write(tmp_path / "good.jsonl", record(CELLS[0], peak=4))
    assert main(["drift", good, good, "--tolerance", tolerance]) == 2
    assert "expected a percentage" in capsys.readouterr().err


def test_keys_that_are_no_cells_are_compared_all_the_same(tmp_path: Path) -> None:
    odd = write(tmp_path / "odd.jsonl", record("what", peak=4), record("[1]", peak=4), record('{"point": 3}', peak=4))
    assert main(["drift", odd, odd]) == 0
    assert main(["drift", odd, write(tmp_path / "one.jsonl", record("what", peak=5))]) == 1
