"""A process that measures cells for one that may not fork: the workers of a cluster are daemons, and full of threads.

The helper keeps torch loaded, so that each cell starts at once, and measures every cell in a process of its own.
It ends when its input ends, which is also how it learns that whoever started it is gone, or when it is idle for long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from operator import attrgetter
from queue import Empty, Queue
from threading import Thread
from typing import Any

from costmodel.errors import InputError
from costmodel.sources.versions import installed
from validate.cell import CellSpec
from validate.depths import DEPTHS, Depth
from validate.workers.isolated import Answer
from validate.workers.limits import Limits
from validate.workers.pool import pool

IDLE = 60.0
"""Seconds without a task after which a helper ends."""


def task_for(spec: CellSpec, limits: Limits, versions: dict[str, str]) -> str:
    """Return a task as a line of text.

    Args:
        spec: the cell.
        limits: what its process may use.
        versions: what has to be installed where it is measured for the answer to count.
    """
    told = {"spec": asdict(spec), "depth": _told(DEPTHS[spec.depth]), "limits": asdict(limits), "versions": versions}
    return json.dumps(told)


def _told(depth: Depth) -> dict[str, Any]:
    """Say what a depth is, so that a process that has not registered it can make it: its class by name, its fields."""
    return {"module": type(depth).__module__, "kind": type(depth).__qualname__, "facts": asdict(depth)}


def _made(told: Mapping[str, Any]) -> Depth:
    """Make a depth of what `_told` said.

    Raises:
        InputError: where its class cannot be imported here.
    """
    try:
        kind = attrgetter(told["kind"])(import_module(told["module"]))
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the worker does not know depth '{told['facts']['name']}': {error}; install the package that has "
            f"{told['module']}.{told['kind']} there"
        ) from error
    made: Depth = kind(**told["facts"])
    return made


class Helper:
    """A helper as seen by the process that started it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "validate.workers.helper"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module
        self.ended = False

    def ask(self, task: str) -> Answer | None:
        """Have a cell measured, and wait; ``None`` where the helper is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(task + "\n")
            self._process.stdin.flush()
            answer: Answer = json.loads(self._process.stdout.readline())
            return answer
        return None

    def end(self) -> None:
        """End it, and the cell that it measures."""
        self.ended = True
        self._process.kill()
        self._process.wait()


def answer_for(task: str) -> Answer:
    """Measure the cell of a task in a process of its own."""
    told: dict[str, Any] = json.loads(task)
    wanted = told["versions"]
    here = installed(tuple(wanted))
    other = [f"{name} {here[name]} instead of {version}" for name, version in wanted.items() if here[name] != version]
    if other:
        return {"failed": f"the worker has other versions: {', '.join(other)}"}
    spec = CellSpec(**told["spec"])
    try:
        DEPTHS[spec.depth] = _made(
            told["depth"]
        )  # this process has only the ones that ship, and those of earlier tasks
    except InputError as error:
        return {"failed": str(error)}
    ((_, answer),) = pool(1, Limits(**told["limits"]))([spec])
    return answer


def main() -> None:
    """Answer tasks from standard input on standard output, a line each."""
    tasks: Queue[str] = Queue()

    def read() -> None:
        for line in sys.stdin:
            tasks.put(line)
        os._exit(0)  # whatever is being measured: nobody waits for it, and its process ends with this one

    Thread(target=read, daemon=True).start()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed is no answer
    while True:
        try:
            task = tasks.get(timeout=IDLE)
        except Empty:
            os._exit(0)
        print(json.dumps(answer_for(task)), file=answers, flush=True)


if __name__ == "__main__":
    main()
