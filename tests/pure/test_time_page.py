"""The tables of docs/time.md are those of the measurements beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from costmodel.terminal.tables import Table

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "time.md"
RESULTS = ROOT / "docs" / "validation"
BLOCK = re.compile(r"(<!-- generated ([^\n]*?) ?-->\n)(.*?)(<!-- /generated -->)", re.DOTALL)
MISSING = "Not measured yet.\n"


def markdown(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns), *(row.cells for row in table.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def kernels() -> str:
    from validate.host.kernels import KernelStudy
    from validate.host.kernels_table import verdicts

    file = RESULTS / "kernels.json"
    if not file.exists():
        return MISSING
    study = KernelStudy.from_dict(json.loads(file.read_text(encoding="utf-8")))
    picture = "![Weight gradients: measured ratios, and the rates that conventions imply](validation/kernels.svg)"
    return f"{markdown(verdicts(study))}\nA large matrix product: {study.peak / 1e9:.1f} GFLOP/s.\n\n{picture}\n"


def svds() -> str:
    from validate.host.kernels import KernelStudy
    from validate.host.kernels_table import svds

    file = RESULTS / "kernels.json"
    if not file.exists():
        return MISSING
    study = KernelStudy.from_dict(json.loads(file.read_text(encoding="utf-8")))
    return f"The ten largest of {len(study.svds)}:\n\n{markdown(svds(study, 10))}"


def time() -> str:
    from validate.host.timings import from_csv, summary

    file = RESULTS / "time.csv"
    if not file.exists():
        return MISSING
    host = json.loads((RESULTS / "host.json").read_text(encoding="utf-8"))["host"]
    rows = from_csv(file.read_text(encoding="utf-8"))
    where = f"{host['cpu']} ({host['instructions']}), {host['threads']} thread, torch {host['torch']}"
    return f"{markdown(summary(rows))}\n{where}; every cell is in [time.csv](validation/time.csv).\n"


TABLES = (kernels, svds, time)


def test_the_tables_are_those_of_the_measurements(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == len(TABLES)
    if request.config.getoption("--regenerate"):
        made = iter(TABLES)
        PAGE.write_text(BLOCK.sub(lambda match: match[1] + next(made)() + match[4], text), encoding="utf-8")
    else:
        assert [block[2] for block in blocks] == [table() for table in TABLES]
