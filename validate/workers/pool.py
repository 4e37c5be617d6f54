"""The executor for one machine: so many measuring processes at a time, forked from a server that has torch loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from costmodel.signals import ignored_by_children
from validate.cell import CellSpec
from validate.depths import DEPTHS
from validate.workers.isolated import Answer, child, ended, late
from validate.workers.limits import Limits, end_group

Executor = Callable[[Iterable[CellSpec]], Iterator[tuple[CellSpec, Answer]]]
"""Takes cells one by one as it has room for them, and yields each with its answer, in whatever order they finish.

Closing what it returns ends the cells that are still being measured.
"""


@dataclass(frozen=True, slots=True)
class _Running:
    spec: CellSpec
    process: Any
    until: float | None

    def end(self) -> None:
        """End the process, and all that it has started."""
        end_group(self.process.pid)
        self.process.kill()  # it may not have made its group yet
        self.process.join()


def pool(jobs: int, limits: Limits) -> Executor:
    """Return an executor that measures ``jobs`` cells at a time on this machine."""

    def execute(cells: Iterable[CellSpec]) -> Iterator[tuple[CellSpec, Answer]]:
        waiting = iter(cells)
        running: dict[Connection, _Running] = {}
        try:
            while True:
                while len(running) < jobs and (spec := next(waiting, None)):
                    context = _context()  # not before there is something to measure
                    receiver, sender = context.Pipe(duplex=False)
                    told = (spec, DEPTHS[spec.depth], sender, limits)
                    process = context.Process(target=child, args=told, daemon=True)
                    process.start()
                    sender.close()
                    until = None if limits.seconds is None else monotonic() + limits.seconds
                    running[receiver] = _Running(spec, process, until)
                if not running:
                    return
                yield from _finished(running, limits)
        finally:
            for one in running.values():
                one.end()

    return execute


def _context() -> Any:
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    from multiprocessing import forkserver

    context = get_context("forkserver")
    context.set_forkserver_preload(["validate.workers.preload"])
    with ignored_by_children():  # while it loads torch it would say what it was interrupted at
        forkserver.ensure_running()
    return context


def _finished(running: dict[Connection, _Running], limits: Limits) -> Iterator[tuple[CellSpec, Answer]]:
    """Wait for one process at least, or until one is late, and yield what is known then."""
    deadlines = [one.until for one in running.values() if one.until is not None]
    ready = wait(list(running), max(0.0, min(deadlines) - monotonic()) if deadlines else None)
    for receiver in ready:
        assert isinstance(receiver, Connection)
        one = running.pop(receiver)
        yield one.spec, _answer(receiver, one, limits)
    now = monotonic()
    for receiver in [receiver for receiver, one in running.items() if one.until is not None and one.until <= now]:
        one = running.pop(receiver)
        one.end()
        receiver.close()
        yield one.spec, late(limits)


def _answer(receiver: Connection, one: _Running, limits: Limits) -> Answer:
    answer: Answer | None = None
    with suppress(EOFError, OSError):  # nothing was sent, or not to the end
        answer = receiver.recv()
    receiver.close()
    one.process.join()
    end_group(one.process.pid)  # what it may have left behind
    return answer if answer is not None else ended(one.process.exitcode, limits)
