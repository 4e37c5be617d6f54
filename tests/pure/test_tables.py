"""Tables in a pipe: plain text that awk, grep and a spreadsheet can read."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.terminal.tables import Line, Row, Table, plain, show

CELL = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
TABLE = Table(
    ("method", "peak", "of fft"),
    (Row(("fft", "102.42 MiB", "100.0%")), Row(("lora", "85.09 MiB", "83.1%"), rule=True)),
)


def test_a_table_in_a_pipe() -> None:
    assert plain(TABLE) == ("method        peak  of fft\nfft     102.42 MiB  100.0%\n\nlora     85.09 MiB   83.1%")


def test_columns_that_are_flush_left() -> None:
    table = Table(("a", "b", "c"), (Row(("long", "xy", "1")), Row(("s", "z", "22"))), left=2)
    assert plain(table) == "a     b    c\nlong  xy   1\ns     z   22"


def test_a_table_without_rows_is_its_head() -> None:
    assert plain(Table(("a", "bb"), ())) == "a  bb"


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(*[CELL] * n), min_size=1, max_size=6)), st.integers(0, 5))
def test_every_cell_is_whole_and_every_column_straight(rows: list[tuple[str, ...]], left: int) -> None:
    head = tuple(f"c{at}" for at in range(len(rows[0])))
    lines = plain(Table(head, tuple(map(Row, rows)), left)).split("\n")
    assert [tuple(line.split()) for line in lines] == [head, *rows]
    assert all(line == line.rstrip() for line in lines)
    for at in range(len(head)):
        edges = {start if at < left else end for start, end in (spans(line)[at] for line in lines)}
        assert len(edges) == 1


def spans(line: str) -> list[tuple[int, int]]:
    """Where each word of a line starts and ends."""
    found, place = [], 0
    for word in line.split():
        start = line.index(word, place)
        place = start + len(word)
        found.append((start, place))
    return found


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, columns: str = "80", **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": columns, "TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream)
    show([Line("a heading " * 12, "bold"), Line(), TABLE])
    return stream.getvalue()


def test_a_pipe_gets_plain_text_whatever_the_environment_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, io.StringIO(), FORCE_COLOR="1", COLORTERM="truecolor")
    assert text == "a heading " * 12 + "\n\n" + plain(TABLE) + "\n"


def test_a_terminal_gets_lines_and_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Terminal())
    assert "─" in text
    assert "\x1b[1m" in text


def test_a_narrow_terminal_folds_cells_and_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    heading, _, *table = re.sub(r"\x1b\[[0-9;]*m", "", shown(monkeypatch, Terminal(), columns="20")).splitlines()
    assert heading == "a heading " * 12  # a line is the terminal's to break, so that it can be copied whole
    assert max(map(len, table)) <= 20
    cells = [*TABLE.columns, *(cell for row in TABLE.rows for cell in row.cells)]
    assert sorted("".join(table).replace("─", "").replace(" ", "")) == sorted("".join(cells).replace(" ", ""))
