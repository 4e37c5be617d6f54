"""Time from the Enter key to the answer, as a whole process, against an empty Python and against the real step.

    .venv/bin/python benchmarks/start.py

Every command runs as a fresh process, in turn, several times; the figures are medians of wall seconds in this one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from time import perf_counter

from costmodel.terminal.tables import Row, Table, show

ESTIMATE = "estimate mobilenet_v2 --method lora --rank 4"
COMMANDS = (
    ESTIMATE,
    f"{ESTIMATE} --json",
    "compare mobilenet_v2",
    "size mobilenet_v2 --memory 64MiB",
    "models",
    "--help",
)

REAL_STEP = """
from time import perf_counter
import torch
from costmodel.cell.setup import setup_of
from costmodel.contract import Point
from costmodel.tracing.protocol import two_steps
from validate.step.ready import ready
setup = setup_of("mobilenet_v2", "lora")
cell = ready(setup, Point())
start = perf_counter()
two_steps(cell.model, cell.optimizer, cell.batch, setup, lambda *_: None)
print(perf_counter() - start)
"""
"""Both steps of the protocol on real tensors; imports and building the model are not counted."""


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Modules are compiled once, as an installer does it, and not by every process again."""


def seconds(*arguments: str) -> float:
    start = perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)  # noqa: S603  # this interpreter
    return perf_counter() - start


def real_step() -> float:
    command = [sys.executable, "-c", REAL_STEP]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # this interpreter
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time whole commands.")
    parser.add_argument("--runs", type=int, default=15, help="times that each command runs")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    runs, steps = (1, 1) if given.smallest else (given.runs, 3)
    jobs = {command: ("-m", "costmodel", *command.split()) for command in COMMANDS}
    jobs |= {"python -c pass": ("-c", "pass"), "python -c 'import torch'": ("-c", "import torch")}
    for job in jobs.values():  # once, to warm up
        seconds(*job)
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            times[name].append(seconds(*job))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    step = [real_step() for _ in range(steps)]
    empty, real = median["python -c pass"], median["python -c 'import torch'"] + statistics.median(step)
    rows = [
        Row(
            (
                f"costmodel {name}",
                f"{median[name] * 1000:.0f} ms",
                f"{median[name] / empty:.1f}",
                f"{median[name] / real:.3f}",
            )
        )
        for name in COMMANDS
    ]
    rows.append(Row(("python -c pass", f"{empty * 1000:.0f} ms", "1.0", f"{empty / real:.3f}"), rule=True))
    rows.append(
        Row(
            ("import torch + the real step, mobilenet_v2 lora", f"{real * 1000:.0f} ms", f"{real / empty:.1f}", "1.000")
        )
    )
    show([Table(("command", "median", "/ python -c pass", "/ torch + step"), tuple(rows))])


if __name__ == "__main__":
    main()
