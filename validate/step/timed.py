"""The seconds of a step: measured without any instrument, and estimated at a host's rates."""

from __future__ import annotations

from time import perf_counter

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.machine.seconds.host import Host
from costmodel.tracing.step import record_step
from validate.step.stopwatch import Bench, Stopwatch, threads

ROUNDS = (3, 12)
"""Fewest and most pairs of steps that are timed."""


def measure(setup: Setup, point: Point, *, number: int = 1, budget: float = 2.0) -> dict[str, float]:
    """Time the real step after the first one, without any instrument.

    The first two steps are not timed: they make the optimizer's state and GaLore's projections, and fill caches. Then
    pairs of steps run until the budget is spent. The fastest counts: what else a machine does can only add to it.

    Args:
        setup: the cell.
        point: the sizes.
        number: threads.
        budget: seconds to time for; at least three pairs of steps run.

    Returns:
        Seconds: ``time.forward``, ``time.backward``, ``time.optimizer``, ``time.step``, each in the step where it was
        fastest. Setting gradients to ``None`` is in none of them.
    """
    with threads(number):
        bench, watch = Bench(setup, point), Stopwatch()
        begun = perf_counter()
        for done in range(ROUNDS[1]):
            if done >= ROUNDS[0] and perf_counter() - begun > budget:
                break
            bench.run(watch.phase)
    return keyed(watch.fastest)


def estimate(host: Host, setup: Setup, point: Point) -> dict[str, float]:
    """Estimate the seconds of a step on a calibrated host."""
    return keyed(host.step(record_step(setup, point)))


def keyed(seconds: dict[str, float]) -> dict[str, float]:
    """Name seconds as the quantities of a cell."""
    return {f"time.{name}": value for name, value in seconds.items()}
