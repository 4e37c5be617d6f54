"""Derive the closed forms of every classification model with all five methods, in a few processes: time and memory.

    .venv/bin/python benchmarks/zoo.py --jobs 2 --output docs/validation/derive.csv

Each cell is derived from nothing, for the region around 3 x 224 x 224 images (or the model's own side), batch 1 and the
method's rank.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from costmodel.cell.subjects import model_table
from costmodel.files import write_whole
from costmodel.methods import PAPER

GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One cell: its time, the high-water mark of the process that derived it so far, and where its formulas hold."""

    model: str
    method: str
    seconds: float
    process_peak: int
    worker: int
    domain: str


def derive_cell(model: str, method: str) -> Row:
    from costmodel.cell.request import request
    from costmodel.cell.setup import setup_of
    from costmodel.sources.source import Source

    start = time.perf_counter()
    setup = setup_of(model, method)
    formula = Source(setup, cached=False).derivation(request(setup)).formula
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Row(model, method, round(seconds, 2), peak, os.getpid(), "; ".join(formula.domain.describe().values()))


def prepare(methods: tuple[str, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    for method in methods:  # imports and first-call costs of torch, peft and galore_torch
        derive_cell("resnet18", method)


def main() -> None:
    parser = argparse.ArgumentParser(description="Derive the whole zoo with all five methods.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--output", type=Path, help="CSV file to write, a row for each cell")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    parser.add_argument("models", nargs="*", help="only these models")
    given = parser.parse_args()
    kinds = {name: row.get("kind", "classification") for name, row in model_table().items() if "alias_of" not in row}
    models = given.models or [name for name, kind in kinds.items() if kind == "classification"]
    models, methods = (["squeezenet1_1"], PAPER[:1]) if given.smallest else (models, PAPER)
    cells = [(model, method) for model in models for method in methods]
    rows: list[Row] = []
    start = time.perf_counter()
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(given.jobs, initializer=prepare, initargs=(methods,)) as pool,
    ):
        task = progress.add_task("deriving", total=len(cells))
        for done in as_completed([pool.submit(derive_cell, *cell) for cell in cells]):
            rows.append(done.result())
            progress.advance(task)
    elapsed = time.perf_counter() - start
    rows.sort(key=lambda row: cells.index((row.model, row.method)))
    if given.output:
        text = io.StringIO()
        sheet = csv.DictWriter(text, list(asdict(rows[0])), lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(asdict(row) for row in rows)
        write_whole(given.output, text.getvalue())
    peaks = {
        worker: max(row.process_peak for row in rows if row.worker == worker) for worker in {r.worker for r in rows}
    }
    slowest = sorted(rows, key=lambda row: -row.seconds)[:5]
    print(f"{len(rows)} cells of {len(models)} models in {elapsed / 60:.1f} min with {given.jobs} processes")
    print(f"peak memory: {sum(peaks.values()) / GIB:.2f} GiB, the processes' high-water marks added up")
    print("slowest: " + ", ".join(f"{row.model} {row.method} {row.seconds:.1f} s" for row in slowest))


if __name__ == "__main__":
    main()
