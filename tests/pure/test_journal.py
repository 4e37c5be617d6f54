"""The journal of a suite survives an interrupt at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from validate.matrix import Journal, run_cells
from validate.measure import CellSpec

VERSIONS = {"torch": "1"}
SPECS = [CellSpec("resnet18", "bn_head", {"N": n, "H": 33, "W": 40}) for n in (1, 2, 3)]


def filled(path: Path) -> Journal:
    journal = Journal(path, VERSIONS)
    for spec in SPECS:
        journal.append({"cell": spec.key, "measured": {"memory.peak": spec.point["N"]}})
    return journal


def test_cut_off_at_any_byte_it_has_the_whole_lines(tmp_path: Path) -> None:
    whole = filled(tmp_path / "whole").path.read_bytes()
    lengths = [len(line) for line in whole.splitlines(keepends=True)]
    for cut in range(0, len(whole) + 1, 7):
        path = tmp_path / "cut"
        path.write_bytes(whole[:cut])
        journal = Journal(path, VERSIONS)
        complete = sum(cut >= sum(lengths[: n + 1]) - 1 for n in range(len(lengths)))  # the newline may be missing
        assert len(journal.load()) == complete
        journal.append({"cell": "next", "measured": {}})
        assert len(journal.load()) == complete + 1


def test_records_of_other_versions_are_not_read(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    assert Journal(journal.path, {"torch": "2"}).load() == {}
    assert len(journal.load()) == 3


def test_what_the_journal_has_is_not_measured_again(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    before = journal.path.read_bytes()
    found = list(run_cells(SPECS, journal, jobs=2))
    assert journal.path.read_bytes() == before
    assert [(spec, record["measured"]["memory.peak"]) for spec, record in found] == list(
        zip(SPECS, (1, 2, 3), strict=True)
    )


@pytest.mark.parametrize("text", ["null\n", "[]\n", '{"cell": 1}\n', "\x00\x00\n", '{"versions": {"torch": "1"}}\n'])
def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, text: str) -> None:
    journal = filled(tmp_path / "journal")
    journal.path.write_text(text + journal.path.read_text())
    assert len(journal.load()) == 3


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    journal.append({"cell": "killed", "failed": "the process ended with status -9"})
    journal.append({"cell": "refused", "refused": "a reason that stays"})
    assert "killed" not in journal.load()
    assert "refused" in journal.load()
