"""Points a second of a sweep on one core, with the full breakdown, against evaluating one point after the other.

.venv/bin/python benchmarks/grid.py
"""

from __future__ import annotations

import argparse
import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import resource
import tempfile
from pathlib import Path
from time import perf_counter

from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.methods import PAPER
from costmodel.questions import frames
from costmodel.questions.sweep import COLUMNS, Chunk, Grid, grid_of, sweep
from costmodel.sources.source import Source
from costmodel.terminal.tables import Line, Row, Table, show

SIZES = {"batch": range(1, 33), "height": range(97, 353, 4), "width": range(97, 353, 4)}
ONE_BY_ONE = 2000


def quiet(*_: object) -> None:
    pass


def evaluate(grid: Grid) -> int:
    return sum(len(chunk) for chunk in sweep([grid], quiet) if isinstance(chunk, Chunk))


def row(model: str, method: str, smallest: bool) -> Row:
    source = Source(setup_of(model, method))
    ranks = {"rank": range(2, 18)} if source.setup.method.ranked else {"batch": range(1, 513)}
    few = grid_of(source, {**SIZES, **ranks, "height": range(97, 100), "width": range(97, 100)})
    grid = few if smallest else grid_of(source, SIZES | ranks)
    evaluate(few)  # formulas loaded or derived
    start = perf_counter()
    points = evaluate(grid)
    rate = points / (perf_counter() - start)
    asked = request(source.setup)
    formula, base = source.derivation(asked).formula, asked.numbers
    start = perf_counter()
    for _ in range(ONE_BY_ONE):
        formula.evaluate(base)
    single = ONE_BY_ONE / (perf_counter() - start)
    return Row(
        (
            f"{model} {method}",
            f"{points:,}",
            f"{rate / 1e6:.2f} million/s",
            f"{single / 1e3:.0f} thousand/s",
            f"{rate / single:.0f}",
        )
    )


def writing(smallest: bool) -> list[Row]:
    source = Source(setup_of("mobilenet_v2", "lora"))
    sides = range(97, 105 if smallest else 353, 8)
    grid = grid_of(source, {"batch": range(1, 33), "height": sides, "width": sides, "rank": range(2, 18)})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".parquet", ".csv", ".jsonl"):
            path = Path(folder) / f"sweep{ending}"
            start = perf_counter()
            with frames.writer(path) as append:
                for chunk in sweep([grid], quiet):
                    append(frames.rows(chunk))
            rate = len(grid) / (perf_counter() - start)
            rows.append(
                Row((ending, f"{len(grid):,}", f"{rate / 1e6:.2f} million/s", f"{path.stat().st_size / 2**20:.0f} MiB"))
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Time sweeps.")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    smallest = parser.parse_args().smallest
    cells = [(model, method) for model in ("mobilenet_v2", "resnet18") for method in PAPER]
    cells = cells[:1] if smallest else cells
    columns = ("cell", "points", "whole arrays", "one by one", "ratio")
    show(
        [
            Line(f"{len(COLUMNS)} quantities a point, one thread"),
            Table(columns, tuple(row(*cell, smallest) for cell in cells)),
            Line(),
            Table(("file", "points", "evaluated and written", "size"), tuple(writing(smallest))),
            Line(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"),
        ]
    )


if __name__ == "__main__":
    main()
