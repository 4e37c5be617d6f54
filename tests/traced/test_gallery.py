"""The gallery shows pictures that exist, of command lines that parse, and says of one what its numbers are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from benchmarks import gallery
from costmodel.terminal.application import application

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINES = re.findall(r"^costmodel .*", TEXT, re.MULTILINE)


def test_every_picture_is_there_and_shown() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert shown == [f"gallery/{picture.name}.svg" for picture in gallery.PICTURES]
    assert sorted(PAGE.parent / name for name in shown) == sorted((PAGE.parent / "gallery").iterdir())
    assert sum((PAGE.parent / name).stat().st_size for name in shown) < 1_500_000
    assert [shlex.join(["costmodel", *picture.words()]) for picture in gallery.PICTURES] == LINES


@pytest.mark.parametrize("line", LINES)
def test_every_command_line_parses(line: str) -> None:
    _, name, *words = shlex.split(line)
    command = typer.main.get_command(application()).get_command(None, name)
    assert command.make_context(name, words).params["plot"].suffix == ".svg"


def test_what_is_said_is_what_the_run_prints(tmp_path: Path) -> None:
    (picture,) = [picture for picture in gallery.PICTURES if picture.name == "frontier"]
    printed = gallery.run(picture.words(folder=tmp_path))
    assert gallery.section(picture, printed, "gallery") in TEXT
    assert (tmp_path / "frontier.svg").read_text(encoding="utf-8").endswith("</svg>\n")
