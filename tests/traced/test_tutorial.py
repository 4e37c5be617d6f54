"""The tutorial prints what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import pages

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.full  # minutes; .ci/run runs it each time
def test_every_cell_prints_what_is_shown(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # cells may write files
    shown = TUTORIAL.read_text(encoding="utf-8")
    now = pages.rerun(shown)
    if request.config.getoption("--regenerate"):
        TUTORIAL.write_text(now, encoding="utf-8")
    else:
        assert now == shown
