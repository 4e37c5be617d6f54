"""Runs of one suite are joined: nothing twice, nothing lost, contradictions named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import InputError
from costmodel.sources import versions
from costmodel.terminal.cli import main
from validate.cell import CellSpec
from validate.suites.journal import Journal, records
from validate.suites.merge import merge_journals, merged

A, B = {"torch": "1"}, {"torch": "2"}
CELLS = [CellSpec("resnet18", "fft", {"N": n, "H": 64, "W": 64}).key for n in (1, 2, 3)]
TIMED = CellSpec("resnet18", "fft", {"N": 1, "H": 64, "W": 64}, depth="time").key


def done(cell: str, peak: int, versions: dict[str, str] = A, **more: Any) -> dict[str, Any]:
    return {"cell": cell, "measured": {"memory.peak": peak}, **more, "versions": versions}


def failed(cell: str) -> dict[str, Any]:
    return {"cell": cell, "failed": "status -9", "versions": A}


def test_each_cell_once_and_a_success_before_a_failure() -> None:
    found = merged([done(CELLS[0], 1, seconds=1), failed(CELLS[1]), done(CELLS[0], 1, seconds=2), done(CELLS[1], 2)])
    assert [record.get("measured") for record in found.records] == [{"memory.peak": 1}, {"memory.peak": 2}]
    assert (found.read, found.again, found.conflicts) == (4, 0, ())
    assert merged([done(CELLS[1], 2), failed(CELLS[1])]).records == (done(CELLS[1], 2),)


def test_what_only_failed_is_kept_once() -> None:
    assert merged([failed(CELLS[0]), failed(CELLS[0])]).records == (failed(CELLS[0]),)


def test_a_contradiction_is_named_and_both_are_kept() -> None:
    both = [done(CELLS[0], 1), done(CELLS[0], 5)]
    found = merged([*both, done(CELLS[0], 1), done(CELLS[1], 9)])
    assert list(found.records) == [done(CELLS[0], 1), both[1], done(CELLS[1], 9)]
    (conflict,) = found.conflicts
    assert str(conflict) == ("resnet18 fft N=1 H=64 W=64: memory.peak was measured as 1 and 5 with the same versions")
    assert merged(found.records).conflicts == found.conflicts  # said again until it is settled


def test_other_versions_are_no_contradiction() -> None:
    found = merged([done(CELLS[0], 1), done(CELLS[0], 5, B)])
    assert len(found.records) == 2
    assert found.conflicts == ()


def test_what_does_not_decide_a_cell_sets_no_records_apart() -> None:
    """Nor how a release was built, where numbers are exact."""
    others = {"torch": "1+cpu", "peft": "2", "transformers": "3"}
    assert merged([done(CELLS[0], 1), done(CELLS[0], 1, others)]).records == (done(CELLS[0], 1, others),)
    assert len(merged([done(CELLS[0], 1), done(CELLS[0], 5, others)]).conflicts) == 1
    assert len(merged([done(TIMED, 1), done(TIMED, 1, others)]).records) == 2


def test_of_an_estimate_the_last_is_kept_and_it_is_said() -> None:
    found = merged([done(TIMED, 1), done(TIMED, 2)])
    assert (found.records, found.again, found.conflicts) == ((done(TIMED, 2),), 1, ())


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.integers(0, 2), st.sampled_from((0, 1)))))
def test_every_number_of_every_cell_survives_and_joining_again_changes_nothing(
    told: list[tuple[str, int, int]],
) -> None:
    given_ = [done(cell, peak, (A, B)[versions]) for cell, peak, versions in told]

    def content(all_: Any) -> set[str]:
        return {json.dumps(record, sort_keys=True) for record in all_}

    once = merged(given_)
    assert content(once.records) == content(given_)
    assert merged(once.records).records == once.records


def write(folder: Path, *told: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "paper.jsonl").write_text("".join(json.dumps(record) + "\n" for record in told) + '{"cut')
    return folder


def test_folders_are_joined_into_another_or_into_one_of_them(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", done(CELLS[0], 1)), write(tmp_path / "b", done(CELLS[1], 2))
    merge_journals("paper", [first, second], tmp_path / "c")
    expected = [done(CELLS[0], 1), done(CELLS[1], 2)]
    assert list(records(tmp_path / "c" / "paper.jsonl")) == expected
    merge_journals("paper", [second], first)  # what is there already stays
    assert list(records(first / "paper.jsonl")) == expected


def test_a_journal_that_a_run_writes_is_not_replaced(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", done(CELLS[0], 1)), write(tmp_path / "b", done(CELLS[1], 2))
    before = (first / "paper.jsonl").read_bytes()
    with (
        Journal(first / "paper.jsonl", {}).taken(),
        pytest.raises(InputError, match=r"a is in use: another run writes paper\.jsonl"),
    ):
        merge_journals("paper", [second], first)
    assert (first / "paper.jsonl").read_bytes() == before


def test_a_folder_without_the_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere has no journal paper\.jsonl"):
        merge_journals("paper", [tmp_path / "nowhere"], tmp_path / "c")


COMMITTED = Path(__file__).parents[2] / "docs" / "validation"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides the paper's cells is installed as when they were measured; all else has had a release since."""
    had = next(records(COMMITTED / "paper.jsonl"))["versions"]
    monkeypatch.setattr(versions, "_on_path", lambda: {**had, "transformers": "99.0", "timm": "99.0"})


@pytest.mark.usefixtures("later")
def test_the_command_writes_the_tables_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = COMMITTED / "paper.jsonl"
    lines = committed.read_text().splitlines(keepends=True)
    for name, part in (("a", lines[::2]), ("b", lines[1::2])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "paper.jsonl").write_text("".join(part))
    whole = ["merge", "paper", str(tmp_path / "a"), str(tmp_path / "b"), "--output", str(tmp_path / "c")]
    assert main(whole) == 0
    assert (tmp_path / "c" / "paper.csv").read_bytes() == committed.with_suffix(".csv").read_bytes()
    assert "20 equal" in capsys.readouterr().out

    assert main(["merge", "paper", str(tmp_path / "a"), "--output", str(tmp_path / "d")]) == 1
    assert "10 equal, 10 missing" in capsys.readouterr().out

    record = json.loads(lines[0])
    record["measured"]["memory.peak"] += 1
    with (tmp_path / "b" / "paper.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    assert main(whole) == 1
    assert "memory.peak was measured as" in capsys.readouterr().err
