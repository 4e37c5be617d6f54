"""Habits of every command: plain in a pipe, drawn on a terminal, one JSON object, exit statuses, completion."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from costmodel.terminal.cli import main
from costmodel.terminal.commands import COMMANDS
from tests.lines import printed
from validate.suites.journal import records
from validate.suites.plan import plan_of
from validate.suites.table import journal_of

ROOT = Path(__file__).parents[2]
BOXES = re.compile("[\u2500-\u259f]")
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

PAPER = ROOT / "docs" / "validation" / "paper.jsonl"

LINES = (
    "estimate mobilenet_v3 --method galore",
    "estimate mobilenet_v3 --method lora --rank r",
    "compare mobilenet_v3 resnet18",
    "sweep resnet18 --rank 1:3",
    "size mobilenet_v3 --memory 32MiB --flops 1G",
    "formula resnet18 --method lora --batch 1 --resolution 224",
    "peak alexnet --method bn_head",
    "layers alexnet --method bn_head --depth 2",
    "validate resnet18 --method bn_head --batch 2 --resolution 40",
    "merge paper {folder}/measured --output {folder}/merged",
    f"drift {PAPER} {PAPER}",
    "report --from {folder}/report.json --output {folder}/report",
    "models",
    "methods",
)
"""Every command that prints a table; ``{folder}`` is one that has a report's numbers, and a journal of today."""

HELPS = ("--help", *(f"{name} --help" for name in COMMANDS), "atlas build --help", "atlas check --help")


def environment(**more: str) -> dict[str, str]:
    """The environment of a command, without what says how wide a terminal is and which colours it has."""
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")}
    return {**plain, "TERM": "xterm-256color", **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    report = {
        "schema": "costmodel.report/1",
        "made": "2026-01-01 00:00 UTC",
        "machine": {"processor": "one", "cores": 2, "memory": 2**33, "system": "Linux"},
        "packages": {"python": "3.11"},
        "jobs": 2,
        "sections": {"device": {"data": {"device": None}, "seconds": 0.1}},
    }
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    journal = journal_of(plan_of("paper"), tmp_path / "measured")
    for record in records(PAPER):
        journal.append({**record, "predicted": record["measured"]})
    return tmp_path


def test_every_command_is_looked_at() -> None:
    assert {line.split()[0] for line in LINES} == {*COMMANDS} - {"atlas"}


@pytest.mark.parametrize("line", [*LINES, *HELPS])
def test_in_a_pipe_there_are_no_boxes_and_no_colours(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the environment asks for them: what is piped is read by programs."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "COLORTERM"):
        monkeypatch.setenv(name, "1" if name != "TERM" else "xterm-256color")
    assert main(line.format(folder=folder).split()) == 0
    out, err = capsys.readouterr()
    assert len(out.split()) > 5
    assert not BOXES.search(out + err)
    assert ESCAPE not in out + err
    assert "\r" not in out + err
    assert err == ""


@pytest.mark.parametrize("line", ["estimate resnet18 --batch 0", "nonsense", "estimate resnet18 --nonsense"])
def test_an_error_in_a_pipe_is_plain(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    err = capsys.readouterr().err
    assert not BOXES.search(err)
    assert ESCAPE not in err


def on_a_terminal(line: str, columns: int = 80, errors: bool = False, **more: str) -> str:
    """Run a command on a pseudo-terminal and return what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", "costmodel", *line.split()],
        stdin=slave,
        stdout=slave,
        stderr=slave if errors else subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(**more),
    )
    os.close(slave)
    written = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.close(master)
    assert running.wait(60) == 0
    return written.decode()


def tables(text: str) -> list[list[str]]:
    """Each table without its styles: from its head to the blank line below it."""
    lines = [line.rstrip() for line in STYLE.sub("", text).replace("\r", "").split("\n")]
    blocks = "\n".join(lines).split("\n\n")
    return [block.splitlines() for block in blocks if "──" in block]


@pytest.mark.parametrize(
    ("line", "count"),
    [("compare resnet18 --rank 8", 2), ("methods", 1), ("sweep resnet18 --rank 1:2", 1)],
)
def test_on_a_terminal_tables_are_drawn_as_wide_as_it_is(line: str, count: int) -> None:
    narrow, wide = on_a_terminal(line, 80), on_a_terminal(line, 300)
    for text, columns in ((narrow, 80), (wide, 300)):
        found = tables(text)
        assert len(found) == count
        assert max(len(row) for table in found for row in table) <= columns
        assert ESCAPE in text
    assert sum(map(len, tables(narrow))) > sum(map(len, tables(wide)))  # folded, not cut
    cells = sorted("".join(cell for table in tables(wide) for row in table for cell in row.split()).replace("─", ""))
    assert cells == sorted("".join(c for t in tables(narrow) for row in t for c in row.split()).replace("─", ""))


@pytest.mark.parametrize("line", ["size mobilenet_v3 --memory 32MiB", "compare --help"])
def test_no_color_on_a_terminal(line: str) -> None:
    assert COLOUR.search(on_a_terminal("compare --help"))
    assert not COLOUR.search(on_a_terminal(line, NO_COLOR="1"))


def test_progress_is_shown_on_a_terminal_and_cleared_away() -> None:
    seen = on_a_terminal("sweep resnet18 --method fft --batch 1:99", 300, errors=True)
    bar, _, rest = seen.partition("99/99")
    assert "resnet18 fft" in bar
    assert "\n" not in bar
    erased = rest.rindex("\x1b[2K")
    assert "memory.peak" not in rest[:erased]
    assert "memory.peak" in rest[erased:]


def test_a_dumb_terminal_gets_no_escape_codes() -> None:
    assert ESCAPE not in on_a_terminal("methods", TERM="dumb")


def test_as_a_module_and_as_a_command() -> None:
    """``python -m costmodel`` and the installed ``costmodel`` are the same program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["costmodel"].partition(":")
    script = f"import sys; from {module} import {function}; sys.argv[0] = 'costmodel'; sys.exit({function}())"
    for line, status in (("estimate mobilenet_v3 --method lora", 0), ("--help", 0), ("estimate nonsense", 2), ("", 0)):
        as_module, as_command = (
            subprocess.run([sys.executable, *how, *line.split()], capture_output=True, text=True, cwd=ROOT)
            for how in (["-m", "costmodel"], ["-c", script])
        )
        assert as_module.returncode == as_command.returncode == status
        assert (as_module.stdout, as_module.stderr) == (as_command.stdout, as_command.stderr)
        assert bool(as_module.stdout) == (status == 0)


# -- exit statuses -----------------------------------------------------------------------------------------------------


def test_1_where_something_differs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from costmodel.sources import survey

    monkeypatch.setattr(survey, "stale", lambda entry: f"{entry}: wrong")
    found = printed("atlas check --sample 2", capsys, status=1)
    assert found["checked"] == len(found["stale"]) == 2
    monkeypatch.setattr(survey, "stale", lambda entry: "")
    assert main("atlas check --sample 2".split()) == 0
    assert capsys.readouterr().out == "2 formulas derived again, 0 stale\n"


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("estimate resnet18", "costmodel.sources.source.Source.derivation"),
        ("compare resnet18", "costmodel.questions.compare.answer"),
        ("size resnet18 --memory 1GiB", "costmodel.questions.fits.fit"),
        ("sweep resnet18", "costmodel.questions.sweep.evaluate"),
    ],
)
def test_130_where_it_is_interrupted(
    line: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    __import__(place.split(".Source")[0].rpartition(".")[0])
    monkeypatch.setattr(place, interrupted)
    assert main(line.split()) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err


# -- completion --------------------------------------------------------------------------------------------------------


def completed(shell: str, words: str) -> list[str]:
    """What a shell offers for the last word."""
    typed = words.split(" ")
    asked: Mapping[str, Mapping[str, str]] = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    done = subprocess.run(
        [sys.executable, "-m", "costmodel"], capture_output=True, text=True, cwd=ROOT,
        env=environment(_COSTMODEL_COMPLETE=f"complete_{shell}", **asked[shell]),
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("costmodel es", ["estimate"]),
        ("costmodel mo", ["models"]),
        ("costmodel ", [*COMMANDS]),
        ("costmodel estimate mobilenet_v3_", ["mobilenet_v3_large", "mobilenet_v3_small"]),
        ("costmodel compare resnet18 shufflenet_v2_x1", ["shufflenet_v2_x1_0", "shufflenet_v2_x1_5"]),
        ("costmodel sweep resnet18 --method bn", ["bn_head", "bn_only"]),
        ("costmodel size resnet18 --mem", ["--memory"]),
        ("costmodel nonsense ", []),
    ],
)
def test_bash_completes(words: str, offered: list[str]) -> None:
    assert sorted(completed("bash", words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete(shell: str) -> None:
    text = "\n".join(completed(shell, "costmodel es"))
    assert "estimate" in text
    assert "compare" not in text
