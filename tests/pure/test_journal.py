"""The journal of a suite survives an end at any moment, and what it has is not measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from costmodel.errors import InputError
from validate.cell import CellSpec
from validate.suites.journal import Journal, records
from validate.suites.matrix import run_cells
from validate.workers.isolated import Answer

VERSIONS = {"torch": "1"}
SPECS = [CellSpec("resnet18", "bn_head", {"N": n, "H": 33, "W": 40}) for n in (1, 2, 3)]


class Measuring:
    """An executor that measures nothing: it gives each cell the next of its answers, or its batch as its peak."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers, self.asked = answers, []

    def __call__(self, cells: Iterable[CellSpec]) -> Iterator[tuple[CellSpec, Answer]]:
        for spec in cells:
            self.asked.append(spec.point["N"])
            told = self.answers.get(f"N{spec.point['N']}")
            yield spec, told.pop(0) if told else {"measured": {"memory.peak": spec.point["N"]}}


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
        journal.append({"cell": "next", "measured": {"n": 1}})
        assert len(journal.load()) == complete + 1


def test_records_of_other_versions_are_not_read(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    assert Journal(journal.path, {"torch": "2"}).load() == {}
    assert len(journal.load()) == 3
    assert len(list(records(journal.path))) == 3


def test_what_the_journal_has_is_not_measured_again(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    before = journal.path.read_bytes()
    execute = Measuring()
    found = list(run_cells(SPECS, journal, execute))
    assert execute.asked == []
    assert journal.path.read_bytes() == before
    assert [(spec, record["measured"]["memory.peak"]) for spec, record in found] == list(
        zip(SPECS, (1, 2, 3), strict=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        "null\n",
        "[]\n",
        '{"cell": 1}\n',
        "\x00\x00\n",
        '{"versions": {"torch": "1"}}\n',
        '{"cell": "a", "versions": {"torch": "1"}}\n',
        '{"cell": 1, "versions": {"torch": "1"}, "measured": {}}\n',
        '{"cell": "a", "versions": {"torch": "1"}, "measured": {}}\n',
        '{"cell": "a", "versions": {"torch": "1"}, "measured": {"n": 1}, "crc33": "00000000"}\n',
        '{"cell": "a", "versions": {"torch": "1"}, "measured": {"n": 1}, "crc32": "00000000"}\n',
        '{"cell": "a", "versions": {"torch": "1"}, "measured": {"n": 1}, "crc32": null}\n',
        "[" * 200_000 + "\n",
    ],
)
def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, text: str) -> None:
    journal = filled(tmp_path / "journal")
    journal.path.write_text(text + journal.path.read_text())
    assert len(journal.load()) == 3


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    journal.path.write_bytes(b"\xff\xfe{\n" + journal.path.read_bytes())
    assert len(journal.load()) == 3


def test_a_changed_digit_is_seen_and_the_cell_measured_again(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    whole = journal.path.read_bytes()
    written = journal.load()
    digits = [at for at, byte in enumerate(whole) if 48 <= byte < 58]
    for at in digits:
        journal.path.write_bytes(whole[:at] + bytes([48 + (whole[at] - 47) % 10]) + whole[at + 1 :])
        found = journal.load()
        assert len(found) == 2
        assert found.items() <= written.items()
    execute = Measuring()
    assert len(list(run_cells(SPECS, journal, execute))) == 3
    assert len(execute.asked) == 1
    assert journal.load() == written


def test_records_of_older_releases_have_no_checksum(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    old = list(records(journal.path))
    assert not any("crc32" in record for record in old)
    journal.path.write_text("".join(json.dumps(record) + "\n" for record in old))
    assert list(records(journal.path)) == old


def test_a_journal_that_a_run_writes_is_in_use(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    with journal.taken():
        journal.append({"cell": "next", "measured": {"n": 1}})
        with pytest.raises(InputError, match="is in use: another run writes journal"), journal.taken():
            pass
        with Journal(tmp_path / "other", VERSIONS).taken():
            pass
    with journal.taken():
        assert len(journal.load()) == 4


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    journal.append({"cell": "killed", "failed": "the process ended with status -9"})
    journal.append({"cell": "refused", "refused": "a reason that stays"})
    assert "killed" not in journal.load()
    assert "killed" in journal.load(failed=True)
    assert "refused" in journal.load()


def test_a_success_is_not_forgotten_for_a_later_failure(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal")
    journal.append({"cell": SPECS[0].key, "failed": "later"})
    assert "measured" in journal.load(failed=True)[SPECS[0].key]


def test_failed_cells_are_tried_again_at_the_end_and_refused_ones_are_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", VERSIONS)
    failing: Answer = {"failed": "status -9"}
    execute = Measuring(N1=[failing], N2=[{"refused": "no"}])
    found = [(spec.point["N"], record) for spec, record in run_cells(SPECS, journal, execute, retries=2)]
    assert execute.asked == [1, 2, 3, 1]
    assert ["failed" in record for _, record in found] == [True, False, False, False]
    assert len(journal.load()) == 3

    always = Measuring(N1=[failing] * 9)
    other = Journal(tmp_path / "other", VERSIONS)
    list(run_cells(SPECS, other, always, retries=2))
    assert always.asked == [1, 2, 3, 1, 1]
    assert SPECS[0].key not in other.load()


def test_what_the_journal_has_comes_in_between_and_at_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", VERSIONS)
    for spec in (SPECS[0], SPECS[2]):
        journal.append({"cell": spec.key, "measured": {"memory.peak": 0}})
    found = list(run_cells(SPECS, journal, Measuring()))
    assert sorted(spec.point["N"] for spec, _ in found) == [1, 2, 3]
    assert len(journal.path.read_text().splitlines()) == 3


def test_predictions_stand_beside_what_was_measured(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", VERSIONS)
    list(run_cells(SPECS[:1], journal, Measuring(), predicted=lambda _: {"memory.peak": 7, "other": 1}))
    (record,) = records(journal.path)
    assert (record["predicted"], record["measured"]) == ({"memory.peak": 7}, {"memory.peak": 1})


def test_the_executor_is_closed_when_nobody_asks_on(tmp_path: Path) -> None:
    closed = []

    def execute(cells: Iterable[CellSpec]) -> Iterator[tuple[CellSpec, Answer]]:
        try:
            for spec in cells:
                yield spec, {"measured": {"n": 1}}
        finally:
            closed.append(True)

    running = run_cells(SPECS, Journal(tmp_path / "journal", VERSIONS), execute)
    next(running)
    running.close()
    assert closed == [True]


def test_the_key_of_old_has_no_depth() -> None:
    assert json.loads(SPECS[0].key).keys() == {
        *("aux", "classes", "inputs", "method", "model", "options", "point", "training")
    }
    assert json.loads(CellSpec("resnet18", "fft", {"N": 1}, depth="time").key)["depth"] == "time"
