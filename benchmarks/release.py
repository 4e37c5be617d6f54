"""Judge the installed torch: real steps beside predictions, and both beside what was measured with earlier releases.

    .venv/bin/python benchmarks/release.py --jobs 2

All of suite paper and some cells of the others run for real; each has to be equal to its prediction, and to its
committed record in ``docs/validation``; a sample of the shipped formulas is derived again. Exit status 0 where nothing
differs, else 1. With ``--record`` a release that passes joins those under which shipped formulas answer
(``specs/atlas/checked.json``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from costmodel.files import write_whole
from costmodel.sources.atlas import CHECKED, FOLDER
from costmodel.sources.versions import installed, release
from costmodel.terminal.tables import Line, Row, Table, show
from validate.suites.drift import CellDrift, compare, load, verdict
from validate.suites.plan import plan_of

RECORDS = Path(__file__).parents[1] / "docs" / "validation"
SUITES = ("paper", "settings", "tasks", "zoo")
PACKAGES = ("peft", "galore-torch")
FORMULAS = 10
"""Shipped formulas that are derived again."""


def measured(suite: str, cells: int, jobs: int, folder: Path) -> Path:
    """Run some cells of a suite, evenly spread, and return their journal."""
    parts = max(1, len(plan_of(suite).cells) // cells)
    words = ["validate", "--suite", suite, "--part", f"1/{parts}", "--jobs", str(jobs), "--output", str(folder)]
    subprocess.run([sys.executable, "-m", "costmodel", *words], stdout=subprocess.DEVNULL)  # noqa: S603  # this program
    return folder / f"{suite}.jsonl"


def judged(suite: str, journal: Path) -> tuple[Row, int]:
    """Return a suite's row, and how many of its cells differ from their prediction or from their record."""
    known, new = load(RECORDS / f"{suite}.jsonl"), load(journal)
    verdicts = [verdict(record, exact=True) for record in new.cells.values()]
    changed: tuple[CellDrift, ...] = compare(known, new, tolerance=0.0).changed
    counts = (verdicts.count("equal"), sum(each.startswith("refused") for each in verdicts), len(changed))
    wrong = len(verdicts) - sum(counts[:2]) + counts[2]
    return Row((suite, str(len(verdicts)), *map(str, counts))), wrong


def record(found: dict[str, str]) -> None:
    """Add the installed release to those that the shipped formulas were checked with."""
    told = json.loads((FOLDER / CHECKED).read_text(encoding="utf-8"))
    versions = {name: release(version) for name, version in found.items()}
    if versions not in told["releases"]:
        told["releases"].append(versions)
    write_whole(FOLDER / CHECKED, json.dumps(told, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Judge the installed torch.")
    parser.add_argument("--cells", type=int, default=12, help="cells of each suite but the paper's")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--record", action="store_true", help="write a release that passes into the list")
    parser.add_argument("--smallest", action="store_true", help="one cell of one suite: to see that all of this runs")
    given = parser.parse_args()
    chosen = {"settings": 1} if given.smallest else dict.fromkeys(SUITES, given.cells) | {"paper": 20}
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for suite, cells in chosen.items():
            row, differing = judged(suite, measured(suite, cells, given.jobs, Path(folder)))
            rows.append(row)
            wrong += differing
    formulas = 1 if given.smallest else FORMULAS
    words = ["atlas", "check", "--sample", str(formulas)]
    wrong += subprocess.run([sys.executable, "-m", "costmodel", *words]).returncode  # noqa: S603  # this program
    found = installed(PACKAGES)
    columns = ("suite", "cells", "equal", "refused", "other than recorded")
    told = ", ".join(f"{name} {version}" for name, version in found.items())
    show([Table(columns, tuple(rows)), Line(f"{told}: {'differs' if wrong else 'passes'}")])
    if given.record and not wrong:
        record(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
