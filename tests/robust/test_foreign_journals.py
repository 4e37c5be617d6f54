"""Journals that somebody else wrote: a line that is no record is passed over, and what is shown of others does nothing.

Each line has the checksum that it needs.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costmodel.errors import InputError
from costmodel.files import in_sheet, write_whole
from costmodel.terminal.cli import main
from costmodel.terminal.console import plain_text
from costmodel.terminal.tables import Line, Row, Table, plain
from tests.robust.formulas import CODE, ESCAPE
from validate.cell import CellSpec
from validate.markup import code, literal
from validate.suites import sheet
from validate.suites.journal import Journal, line_of, records
from validate.suites.merge import merge_journals
from validate.suites.rows import EQUAL, SuiteTable
from validate.suites.rows import Row as SuiteRow

KEY = CellSpec("resnet18", "fft", {"N": 1, "H": 64, "W": 64}).key
GOOD = {"cell": KEY, "measured": {"memory.peak": 4}, "versions": {"torch": "2.13.0"}}
OTHER = {**GOOD, "cell": CellSpec("resnet18", "fft", {"N": 2, "H": 64, "W": 64}).key}
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"


def sealed(**changes: Any) -> bytes:
    return line_of({**GOOD, **changes}).encode()


LINES: dict[str, bytes] = {
    "a cell that is an object": sealed(cell={"model": CODE}),
    "a cell without a name": sealed(cell=""),
    "a cell of a million letters": sealed(cell="a" * 10**6),
    "versions that are a list": sealed(versions=["torch"]),
    "a version that is a number": sealed(versions={"torch": 2}),
    "a version of a thousand letters": sealed(versions={"torch": "9" * 1000}),
    "numbers that are a list": sealed(measured=[1, 2]),
    "no number": sealed(measured={}),
    "a number that is text": sealed(measured={"memory.peak": CODE}),
    "a number that is a truth": sealed(measured={"memory.peak": True}),
    "a number that is an object": sealed(measured={"memory.peak": {"__class__": 1}}),
    "a number of 4,000 digits": sealed(measured={"memory.peak": 10**4000}),
    "a number that no float holds": sealed(measured={"memory.peak": 10**400}),
    "not a number": sealed(measured={"memory.peak": float("nan")}),
    "infinity": sealed(predicted={"memory.peak": float("inf")}),
    "a prediction that is text": sealed(predicted=FORMULA),
    "a reason that is an object": sealed(refused={}),
    "negative seconds": sealed(seconds=-1),
    "seconds that are text": sealed(seconds=SCRIPT),
    "the key of a checksum twice": b'{"crc32": "00000000", ' + sealed()[1:],
    "a key twice": b'{"measured": {"memory.peak": 5}, ' + sealed()[1:],
    "nested 200,000 deep": b'{"cell": ' + b"[" * 200_000 + b"\n",
    "a million digits": b'{"cell": ' + b"9" * 10**6 + b"}\n",
    "a number larger than any": b'{"cell": "a", "versions": {}, "measured": {"n": 1e999}}\n',
    "no UTF-8": b'{"cell": "\xff\xfe"}\n',
    "zeros": b"\0" * 10**5 + b"\n",
    "a pickle": b"cposix\nsystem\n(S'touch executed'\ntR.\n",
    "a constructor": b'{"py/object": "os.system", "py/reduce": "touch executed"}\n',
}
"""Lines that are no record."""


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "evil.py").write_text("open('executed', 'w')\ndef factory():\n    open('executed', 'w')\n")
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()
    assert not (tmp_path.parent / "executed").exists()


def written(path: Path, *lines: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_is_no_record_is_passed_over(tmp_path: Path, what: str) -> None:
    path = written(tmp_path / "paper.jsonl", LINES[what], line_of(OTHER).encode())
    assert list(records(path)) == [OTHER]


CELLS: dict[str, str] = {
    "escape codes": f"a{ESCAPE}b",
    "escape codes in a model": json.dumps({"model": ESCAPE, "method": "fft", "point": {}}),
    "a line end in a model": json.dumps({"model": "a\nremoved: everything", "method": "fft"}),
    "another direction": "resnet18 \u202e81tenser",
    "a bell and a backspace": "a\x07\x08b",
    "an eight bit escape": "a\x9b2Jb",
    "a carriage return": "good\rbad",
    "a model that is code": json.dumps({"model": "evil.py:factory", "method": "fft", "point": {"N": 1}}),
    "a module that is code": json.dumps({"model": "evil:factory", "method": "fft", "point": {"N": 1}}),
    "a depth that is code": json.dumps({"model": "a", "method": "fft", "depth": "evil"}),
    "a method that is code": json.dumps({"model": "a", "method": "evil:factory"}),
    "options that are a list": json.dumps({"model": "a", "method": "fft", "options": [1], "point": 3}),
    "a model that is a list": json.dumps({"model": ["a"], "method": {"b": 1}}),
    "nested deeply": "[" * 9000,
    "half of a letter": "\ud800",
}
"""Cells of records that are whole."""


@pytest.mark.parametrize("what", CELLS)
def test_what_drift_shows_of_a_cell_does_nothing(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = written(tmp_path / "old.jsonl", sealed(), sealed(cell=CELLS[what]))
    reason = f"because {ESCAPE}\nof \u202e{SCRIPT}"
    new = written(
        tmp_path / "new.jsonl", line_of({"cell": KEY, "failed": reason, "versions": {ESCAPE: ESCAPE}}).encode()
    )
    assert main(["drift", str(old), str(new)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert all(line.isprintable() for line in out.split("\n"))
    assert out.count("\nremoved:") == 1
    assert main(["drift", str(old), str(new), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


@pytest.mark.parametrize("what", CELLS)
def test_a_cell_that_the_suite_has_not_is_joined_and_nothing_more(tmp_path: Path, what: str) -> None:
    first = written(tmp_path / "a" / "mine.jsonl", sealed(cell=CELLS[what]), sealed())
    found = merge_journals("mine", [first.parent], tmp_path / "b")
    assert [record["cell"] for record in found.records] == [CELLS[what], KEY]
    assert [record["cell"] for record in records(tmp_path / "b" / "mine.jsonl")] == [CELLS[what], KEY]


PLACES: dict[str, Callable[[Path], Any]] = {
    "a link to a file of mine": lambda path: path.symlink_to(path.parents[1] / "mine"),
    "a link to nowhere": lambda path: path.symlink_to(path.parents[1] / "nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to an endless file": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("what", PLACES)
def test_a_journal_that_is_no_file_is_not_read_nor_written(tmp_path: Path, what: str) -> None:
    (tmp_path / "mine").write_text("mine")
    path = tmp_path / "out" / "paper.jsonl"
    path.parent.mkdir()
    PLACES[what](path)
    with pytest.raises(InputError, match=r"paper\.jsonl: expected a file, found a link, a folder or a device"):
        Journal(path, {}).load()
    with pytest.raises(InputError, match="expected a file"):
        Journal(path, {}).append(GOOD)
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.csv", "mine.md", ".mine.jsonl.lock"])
def test_links_in_the_folder_of_the_results_are_not_written_through(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = written(tmp_path / "a" / "mine.jsonl", sealed()).parent
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / name).symlink_to(outside)
    if name.endswith("lock"):
        with pytest.raises(InputError, match="cannot be written"), Journal(tmp_path / "b" / "mine.jsonl", {}).taken():
            pass
    elif name.endswith("jsonl"):
        merge_journals("mine", [folder], tmp_path / "b")
    else:
        sheet.write(table("equal"), tmp_path / "b")
    assert outside.read_text() == "mine"


def test_a_journal_without_an_end_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "huge.jsonl"
    path.touch()
    os.truncate(path, 2**42)
    assert main(["drift", str(path), str(path)]) == 2
    err = capsys.readouterr().err
    assert "cannot be read: more than" in err
    assert err.count("\n") == 1


# -- what tables of a suite show ---------------------------------------------------------------------------------------


def table(verdict: str) -> SuiteTable:
    spec = CellSpec("resnet18", "fft", {"N": 1, "H": 64, "W": 64}, training={"loss": "cross_entropy"})
    row = SuiteRow(spec, verdict, {"memory.peak": -1}, {"memory.peak": -1}, 1.0)
    return SuiteTable("mine", ("--suite", "mine.toml"), (row,), {"torch": "2.13.0"})


CELL_TEXTS = [FORMULA, "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://a")']


@pytest.mark.parametrize("text", CELL_TEXTS)
def test_a_formula_of_a_spreadsheet_is_text(text: str) -> None:
    assert in_sheet(text) == f"'{text}"


def test_a_swept_table_has_no_formula_either(tmp_path: Path) -> None:
    import pyarrow as pa

    from costmodel.questions import frames

    numbers = {name: [-1, None] for name in frames.SCHEMA.names if name not in ("model", "method", "lower_bound")}
    numbers["lower_bound"] = [True, False]
    table = pa.table({"model": [FORMULA, "resnet18"], "method": ["fft", "@fft"], **numbers}, schema=frames.SCHEMA)
    with frames.writer(tmp_path / "a.csv") as append:
        append(table)
    first, second = csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text()))
    assert (first["model"], second["model"]) == (f"'{FORMULA}", "resnet18")
    assert (first["method"], second["method"], first["N"], second["N"]) == ("fft", "'@fft", "-1", "")


def test_numbers_of_ours_stay(tmp_path: Path) -> None:
    assert [in_sheet(value) for value in (-1, -0.5, None, "equal", "")] == [-1, -0.5, None, "equal", ""]
    sheet.write(table(EQUAL), tmp_path)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "mine.csv").read_text()))
    assert (row["peak_predicted"], row["setting"]) == ("-1", "'--loss cross_entropy")


VERDICTS = [
    *(SCRIPT, "<img src=x onerror=alert(1)>", "&lt;b&gt;", "[link](javascript:alert(1))", "![x](http://a/b.png)"),
    *("a | b | c", "a\n\n# Heading", "`code`", "\\|"),
]


@pytest.mark.parametrize("text", VERDICTS)
def test_a_verdict_is_one_cell_of_the_table_letter_by_letter(tmp_path: Path, text: str) -> None:
    from html import unescape

    sheet.write(table(f"failed: {text}"), tmp_path)
    *_, line = (tmp_path / "mine.md").read_text().splitlines()
    assert len(line.split("|")) == 9
    assert not set(literal(text)) & set("\\`[]<>|")
    assert unescape(literal(text)) == " ".join(text.split())


def test_code_is_ended_by_nobody_else() -> None:
    assert code("a`<script>`|b\nc") == "`a'<script>'\\|b c`"


# -- what a terminal is shown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [ESCAPE, "a\rb", "a\nb", "\x9b2J", "\u202e", "\u2066", "\ud800", "\x00", "\u200b"])
def test_tables_and_lines_are_shown_letter_by_letter(text: str) -> None:
    for block in (Line(text), Table(("a", text), (Row(("b", text)),))):
        assert plain(block).replace("\n", "", 1).isprintable()


def test_styles_and_links_in_brackets_are_text() -> None:
    from rich.text import Text

    words = "[red]a[/red] [link=http://a]b[/link] \x1b[2J"
    assert Text.from_markup(plain_text(words)).plain == words.replace("\x1b", "\\x1b")


def test_a_link_that_the_caller_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "target").read_text() == "text"
