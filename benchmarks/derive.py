"""Time the derivation of formulas against torch's MemTracker on fake tensors and against the real step, in one run.

    .venv/bin/python benchmarks/derive.py [MODEL ...] [--smallest]

For each method of each model (default: mobilenet_v2 and resnet18), in this process, imports done beforehand:

* ``derive``: all formulas of the cell, from the model's name, nothing cached. Median of three.
* ``fake``: both steps of the same cell at one point (N=1, 224x224, r=4) under torch's MemTracker and FakeTensorMode,
  model and optimizer already built.
* ``real``: both steps at that point for real, without any instrument, model, optimizer and batch already built.
* ``at``: one evaluation of the derived formula, every quantity of it.
* ``again``: the same estimate from the disk cache in a fresh `Source`, traced nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import timeit
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from costmodel.cell.request import request
from costmodel.cell.setup import Setup, setup_of
from costmodel.contract import Point
from costmodel.methods import PAPER
from costmodel.sources.derive import Tracer, derive
from costmodel.sources.regions import SHORT_RANKS
from costmodel.sources.source import Source
from costmodel.tracing.fakes import Fakes
from costmodel.tracing.protocol import adapted_model, batch, optimizer_of, two_steps
from validate.step.instruments import SecondOpinion
from validate.step.ready import ready


def seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def on_fake_tensors(setup: Setup, point: Point) -> float:
    """Seconds of both steps, as the contract has them, under MemTracker (guarded for frozen parameters) and fake."""
    model, tracker = adapted_model(setup, point, "meta"), SecondOpinion()
    fakes = Fakes()
    with fakes.mode:
        fakes.of_model(model)
        optimizer, given = optimizer_of(model, setup, point), batch(setup, point, torch.empty, model=model)
        tracker.attach(model, optimizer, given.tensors)
        with tracker:
            return seconds(lambda: two_steps(model, optimizer, given, setup, tracker.phase))


def for_real(setup: Setup, point: Point) -> float:
    """Seconds of both steps on real tensors."""
    cell = ready(setup, point)
    return seconds(lambda: two_steps(cell.model, cell.optimizer, cell.batch, setup, lambda *_: None))


def row(model: str, method: str, times: int) -> list[str]:
    setup = setup_of(model, method)
    point = Point(r=setup.method.rank)
    derived = statistics.median(seconds(lambda: derive(Tracer(setup), point, {}, SHORT_RANKS)) for _ in range(times))
    fake = on_fake_tensors(setup, point)
    real = statistics.median(for_real(setup, point) for _ in range(times))
    asked = request(setup)
    Source(setup).derivation(asked)
    again = statistics.median(seconds(lambda: Source(setup).derivation(asked)) for _ in range(times))
    formula = Source(setup).derivation(asked).formula
    base = point.values()
    rounds = 2000
    at = timeit.timeit(lambda: formula.evaluate(base), number=rounds) / rounds
    return [
        f"{model} {method}",
        f"{derived:.2f} s",
        f"{fake:.2f} s",
        f"{derived / fake:.2f}",
        f"{real:.2f} s",
        f"{derived / real:.2f}",
        f"{at * 1e6:.0f} us",
        f"{again * 1e3:.0f} ms",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Time derivation against MemTracker on fake tensors and the real step."
    )
    parser.add_argument("models", nargs="*", default=["mobilenet_v2", "resnet18"])
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    models, methods, times = (["squeezenet1_1"], ("galore",), 1) if given.smallest else (given.models, PAPER, 3)
    for method in methods:  # imports and first-call costs of torch, peft and galore_torch
        setup = setup_of("resnet18", method)
        derive(Tracer(setup), Point(r=setup.method.rank), {}, SHORT_RANKS)
    on_fake_tensors(setup_of("resnet18", "fft"), Point(r=None))
    columns = ("cell", "derive", "fake", "derive/fake", "real", "derive/real", "at", "again")
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for model in models:
        for method in methods:
            table.add_row(*row(model, method, times))
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    import os

    with tempfile.TemporaryDirectory() as folder:
        os.environ["COSTMODEL_CACHE_DIR"] = folder
        main()
