"""The committed page on peers is what its committed numbers give; no peer is needed for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import peers

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_made_of_the_csv_file() -> None:
    page = (DOCS / "peers.md").read_text(encoding="utf-8")
    made = peers.page((DOCS / "peers.csv").read_text(encoding="utf-8"))
    assert peers.BLOCK.sub(lambda match: match[1] + made + match[2], page) == page


@pytest.mark.parametrize(
    ("said", "true", "shown"),
    [
        (7, 7, "equal"),
        (11673083648, 1176352256, "+892 %"),
        (897, 1000, "-10.3 %"),
        (10001, 10000, "+0.01 %"),
        (599014164, 599014144, "+3e-06 %"),
    ],
)
def test_an_error_is_signed_and_never_rounded_to_equal(said: int, true: int, shown: str) -> None:
    assert peers.error(said, true) == shown
