"""Command lines: what is printed as JSON, and what the program refuses."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.terminal.cli import main
from tests.schemas import read


def printed(line: str, capsys: pytest.CaptureFixture[str], status: int = 0) -> dict[str, Any]:
    """Run a command line with ``--json``: one line, a JSON object of its schema, and nothing else."""
    assert main([*line.split(), "--json"]) == status
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err == ""
    return read(out)


def assert_refused(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a bad command line: exit status 2, no output, one line with ``message`` on standard error."""
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
