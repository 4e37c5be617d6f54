"""Measures this host once: the operators of a few steps, timed where they run, and the rates that explain them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple

import torch
from torch import nn

from costmodel.cell.request import numbers_only, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.contract import STEP_PHASES, Point
from costmodel.machine.seconds.fit import Sample, fit
from costmodel.machine.seconds.host import LATER, Error, Host
from costmodel.machine.seconds.store import identity, load, store
from costmodel.machine.seconds.work import PAGED, paged, work_of
from costmodel.tracing.record import OpCall
from costmodel.tracing.step import record_step
from validate.host import probes
from validate.step import timed
from validate.step.stopwatch import Bench, OperatorWatch, Stopwatch, threads

Say = Callable[[str, int, int], None]


class Cell(NamedTuple):
    """A step to time: a model or a function that makes one, method, batch, side and rank (4 where there is one)."""

    model: str | Callable[[], nn.Module]
    method: str
    batch: int
    side: int

    @property
    def label(self) -> str:
        """The cell in a few words."""
        name = self.model if isinstance(self.model, str) else self.model.__name__
        return f"{name} {self.method} {self.batch}x{self.side}x{self.side}"

    def build(self) -> tuple[Setup, Point]:
        """Return setup and point."""
        setup = setup_of(self.model, self.method)
        return setup, numbers_only(request(setup, batch=self.batch, resolution=self.side), "a step runs at one point")


CALIBRATION = (
    Cell("mobilenet_v2", "fft", 1, 224),
    Cell("mobilenet_v2", "fft", 4, 96),
    Cell("mobilenet_v2", "lora", 2, 160),
    Cell("mobilenet_v2", "bn_head", 8, 128),
    Cell("mobilenet_v3_small", "fft", 1, 224),
    Cell("mobilenet_v3_small", "fft", 8, 160),
    Cell("mobilenet_v3_small", "dora", 2, 128),
    Cell("resnet18", "fft", 1, 224),
    Cell("resnet18", "fft", 4, 96),
    Cell("resnet18", "lora", 2, 160),
    Cell("resnet18", "galore", 2, 96),
    Cell("resnet18", "bn_head", 8, 64),
    Cell(probes.grouped, "fft", 1, 224),
    Cell(probes.grouped, "fft", 1, 96),
    Cell(probes.grouped, "lora", 3, 128),
    Cell(probes.transformer, "fft", 1, 224),
    Cell(probes.transformer, "fft", 4, 224),
    Cell(probes.windows, "fft", 2, 160),
    Cell(probes.convnext, "fft", 2, 160),
    Cell(probes.convnext, "fft", 1, 224),
    Cell(probes.branches, "fft", 2, 224),
    Cell(probes.branches, "fft", 4, 96),
    Cell(probes.wide, "fft", 1, 224),
    Cell(probes.wide, "fft", 4, 128),
)
"""The steps whose operators give the rates: the paper's models, and `probes` for what those have not."""

HELD_OUT = (
    Cell("squeezenet1_1", "fft", 1, 160),
    Cell("shufflenet_v2_x1_0", "lora", 2, 160),
    Cell("mnasnet1_0", "fft", 2, 128),
    Cell("efficientnet_b0", "dora", 1, 160),
    Cell("regnet_y_400mf", "galore", 1, 160),
    Cell("googlenet", "bn_head", 4, 128),
)
"""The steps that tell, whenever a host is calibrated, how far the estimate is off there."""

BETWEEN = Cell("mobilenet_v3_small", "fft", 1, 48)
"""A step of so little work that what lies between its operators shows, and so short that some run undisturbed."""
_PAIRS, _MANY = 2, 12
"""Pairs of steps without and with the operators timed: of a cell, and of `BETWEEN`."""


def calibrated(number: int = 1, say: Say = lambda *_: None) -> Host:
    """Return what is known of this host with so many threads; measure it where nothing is."""
    return load(identity(number)) or calibrate(number, say)


def calibrate(
    number: int = 1,
    say: Say = lambda *_: None,
    cells: Sequence[Cell] = CALIBRATION,
    held_out: Sequence[Cell] = HELD_OUT,
) -> Host:
    """Measure this host and store what was found.

    Args:
        number: threads.
        say: told what is being measured, how many cells are done and how many there are.
        cells: whose operators give the rates.
        held_out: whose steps tell how far the estimate is off.
    """
    total = len(cells) + len(held_out)
    with threads(number):
        page = page_fault()
        timed = []
        for done, cell in enumerate(cells):
            say(cell.label, done, total)
            timed.append(time_operators(cell))
        host = fitted(identity(number), timed, page, time_operators(BETWEEN, _MANY))
        errors = []
        for done, cell in enumerate(held_out, start=len(cells)):
            say(cell.label, done, total)
            errors.append(abs(_off(host, cell, number)))
    host = replace(host, error=Error(len(errors), statistics.median(errors), max(errors)))
    store(host)
    return host


@dataclass(frozen=True)
class Timed:
    """One cell's step after the first, timed.

    Attributes:
        calls: its operator calls, from a trace, with the seconds of each.
        phases: of the phases, without timing operators.
    """

    calls: Sequence[tuple[OpCall, float]]
    phases: dict[str, float]


def time_operators(cell: Cell, pairs: int = _PAIRS) -> Timed:
    """Time the operators of a step where they run, with what is in the caches then."""
    setup, point = cell.build()
    calls = [call for call in record_step(setup, point).calls if call.step == LATER]
    bench, watch, operators = Bench(setup, point), Stopwatch(), OperatorWatch()
    for _ in range(pairs):  # in turn, so that a disturbance does not meet one kind only
        bench.run(watch.phase)
        bench.run(operators.phase, operators)
    return Timed(tuple(operators.match(calls)), watch.fastest)


def fitted(identity: dict[str, object], timed: Iterable[Timed], page: float, between: Timed) -> Host:
    """Find a host's rates from timed steps.

    Args:
        identity: of the host.
        timed: cells.
        page: seconds for each byte of new memory.
        between: a cell that shows what lies between operators.
    """
    timed = list(timed)
    samples = [
        Sample(work_of(call), seconds - page * paged(call), seconds) for cell in timed for call, seconds in cell.calls
    ]
    host = Host(identity, fit(samples), page, {phase: _between(between, phase) for phase in STEP_PHASES})
    added_up = [host.phases(call for call, _ in cell.calls) for cell in timed]
    whole = {
        phase: statistics.median(cell.phases[phase] / sums[phase] for cell, sums in zip(timed, added_up, strict=True))
        for phase in STEP_PHASES
    }
    return replace(host, whole=whole)


def _between(cell: Timed, phase: str) -> float:
    """Seconds from one operator of a phase to the next: what its operators leave of it, for each of them."""
    taken = [seconds for call, seconds in cell.calls if call.phase == phase]
    return (cell.phases[phase] - sum(taken)) / len(taken)


def page_fault() -> float:
    """Measure the seconds for each byte of a block that is new to the process, above those of filling it."""
    elements = 2 * PAGED // 4
    block = torch.empty(elements)

    def fastest(work: Callable[[], object]) -> float:
        times = []
        for _ in range(7):
            start = perf_counter()
            work()
            times.append(perf_counter() - start)
        return min(times)

    fresh, filled = fastest(lambda: torch.empty(elements).fill_(1.0)), fastest(lambda: block.fill_(1.0))
    return max(0.0, fresh - filled) / block.nbytes


def _off(host: Host, cell: Cell, number: int) -> float:
    """Relative error of the estimated step."""
    setup, point = cell.build()
    predicted = timed.estimate(host, setup, point)["time.step"]
    return predicted / timed.measure(setup, point, number=number, budget=1.0)["time.step"] - 1
