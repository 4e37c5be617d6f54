"""The tables of docs/process-memory.md are those of the measurements beside it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from costmodel.machine.resident import CONSTANTS, FEATURES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "process-memory.md"
RESULTS = ROOT / "docs" / "validation"
BLOCK = re.compile(r"(<!-- (allocator|process|cost) -->\n)(.*?)(<!-- /\2 -->)", re.DOTALL)


def rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(*lines: tuple[str, ...]) -> str:
    head, *others = lines
    right = ("---", *["---:"] * (len(head) - 1))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, right, *others))


def allocator() -> str:
    def lines() -> Iterator[tuple[str, ...]]:
        yield "cell", "predicted", "measured", "difference"
        for row in rows("paper-allocator"):
            predicted, measured = int(row["predicted"]), int(row["measured"])
            yield f"{row['model']} {row['method']}", f"{predicted:,}", f"{measured:,}", f"{measured - predicted:,}"

    return (
        "The paper's cells, bytes (`costmodel validate --suite paper --depth allocator --output docs/validation`):\n\n"
        + table(*lines())
    )


def process() -> str:
    measured = {name: [] for name in ("controlled", "default")}
    errors = {name: [] for name in measured}
    for row in rows("process"):
        name = row["quantity"].removeprefix("process.")
        measured[name].append(int(row["measured"]))
        errors[name].append(abs(float(row["error"])))

    def lines() -> Iterator[tuple[str, ...]]:
        yield "setting", "cells", "smallest", "largest", "median error", "90 % within", "worst"
        for name, label in (("controlled", "`MALLOC_MMAP_THRESHOLD_=65536`"), ("default", "as it is")):
            span = (f"{bound / 2**20:,.0f} MiB" for bound in (min(measured[name]), max(measured[name])))
            shares = (f"{100 * share:.1f} %" for share in np.quantile(errors[name], [0.5, 0.9, 1]))
            yield label, str(len(errors[name])), *span, *shares

    saved = 1 - np.array(measured["controlled"]) / np.array(measured["default"])
    least, middle, most = (f"{100 * share:.0f} %" for share in np.quantile(saved, [0, 0.5, 1]))
    low, high = json.loads(CONSTANTS.read_text(encoding="utf-8"))["span"]
    return table(*lines()) + (
        f"\nThe setting saves {middle} of the resident memory (median; {least} to {most}). With the allocator as it\n"
        f"is, nine of ten processes hold {low:.2f} to {high:.2f} of what is predicted, which `--process` prints.\n"
    )


def cost() -> str:
    def lines() -> Iterator[tuple[str, ...]]:
        yield "cell", "as it is", "with the setting", "ratio"
        for row in rows("malloc"):
            before, after = float(row["default"]), float(row["controlled"])
            cell = f"{row['model']} {row['method']}, batch {row['batch']}"
            yield cell, f"{1000 * before:.0f} ms", f"{1000 * after:.0f} ms", f"{after / before:.2f}"

    return table(*lines()) + "\n`python benchmarks/malloc.py --output docs/validation`, one thread.\n"


MADE = {"allocator": allocator, "process": process, "cost": cost}


def test_the_tables_are_those_of_the_measurements(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = {name: block for _, name, block, _ in BLOCK.findall(text)}
    assert blocks.keys() == MADE.keys()
    if request.config.getoption("--regenerate"):
        PAGE.write_text(BLOCK.sub(lambda match: match[1] + MADE[match[2]]() + match[4], text), encoding="utf-8")
    else:
        assert blocks == {name: made() for name, made in MADE.items()}


def test_the_constants_are_of_what_loads_code() -> None:
    constants = json.loads(CONSTANTS.read_text(encoding="utf-8"))
    assert tuple(constants["code"]) == FEATURES
    assert all(nbytes >= 0 for nbytes in constants["code"].values())
    low, high = constants["span"]
    assert low < 1 < high
