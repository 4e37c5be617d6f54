"""Command lines that the program refuses."""

from __future__ import annotations

import pytest

from costmodel.terminal.cli import main


def assert_refused(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a bad command line: exit status 2, no output, one line with ``message`` on standard error."""
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
