"""Instruments that take the time: of the phases of a step, and of each operator in it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from difflib import SequenceMatcher
from time import perf_counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from costmodel.cell.setup import Setup
from costmodel.contract import STEP_PHASES, Point
from costmodel.tracing.protocol import two_steps
from costmodel.tracing.record import OpCall
from costmodel.tracing.step import collector_off
from validate.step.ready import ready, seeded

_NOT_OPERATORS = ("profiler.", "prim.")


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Stopwatch:
    """Seconds of each phase of each step that it is told of.

    Attributes:
        steps: by step, in order, seconds of the phases; those of several micro-batches are added up.
    """

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._now = dict.fromkeys(STEP_PHASES, 0.0)
        self._phase = ""
        self._since = 0.0

    def phase(self, _step: int, name: str) -> None:
        """Be told that a phase begins."""
        moment = perf_counter()
        if self._phase:
            self._now[self._phase] += moment - self._since
        self._phase = "" if name == "end" else name
        if name == "end":
            self.steps.append(self._now)
            self._now = dict.fromkeys(STEP_PHASES, 0.0)
        self._since = perf_counter()

    @property
    def fastest(self) -> dict[str, float]:
        """Seconds of each phase and of the ``step``, each in the step where it was fastest."""
        best = {phase: min(step[phase] for step in self.steps) for phase in STEP_PHASES}
        return best | {"step": min(sum(step.values()) for step in self.steps)}


class OperatorWatch(TorchDispatchMode):
    """Seconds of each operator call in order, each the fastest of the steps in which it was timed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.names: list[str] = []
        self.seconds: list[float] = []
        self._now: list[tuple[str, float]] = []

    def phase(self, _step: int, name: str) -> None:
        """At the end of a step, keep what was faster than before.

        Raises:
            ValueError: where a step runs other operators than the one before.
        """
        if name != "end":
            return
        names = [operator for operator, _ in self._now]
        seconds = [taken for _, taken in self._now]
        if self.names and names != self.names:
            raise ValueError("two steps run different operators")
        self.seconds = [*map(min, self.seconds, seconds)] if self.names else seconds
        self.names, self._now = names, []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and take its time."""
        name = str(func)
        given = kwargs or {}
        if name.startswith(_NOT_OPERATORS):
            return func(*args, **given)
        start = perf_counter()
        result = func(*args, **given)
        self._now.append((name, perf_counter() - start))
        return result

    def match(self, calls: Sequence[OpCall]) -> Iterator[tuple[OpCall, float]]:
        """Yield the calls of a traced step with their seconds.

        A few calls run otherwise with values than on shapes (a number written into a part of a tensor); those have no
        partner and are left out.
        """
        traced = [call.name for call in calls]
        if traced == self.names:
            yield from zip(calls, self.seconds, strict=True)
            return
        for start, other, size in SequenceMatcher(None, traced, self.names, autojunk=False).get_matching_blocks():
            yield from zip(calls[start : start + size], self.seconds[other : other + size], strict=True)


class Bench:
    """A cell set up to run: model, optimizer and batch are built, the first step is over."""

    def __init__(self, setup: Setup, point: Point) -> None:
        self._setup, self._cell = setup, ready(setup, point)
        self.run(lambda *_: None)

    def run(self, phase: Callable[[int, str], None], mode: AbstractContextManager[object] | None = None) -> None:
        """Run two steps without garbage collection, neither of them the first."""
        gc.collect()
        with seeded(), collector_off(), mode or nullcontext():
            two_steps(self._cell.model, self._cell.optimizer, self._cell.batch, self._setup, phase)
