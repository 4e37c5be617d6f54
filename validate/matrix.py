"""Many cells, each measured in a process of its own, with a journal that survives an interrupt at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from costmodel.errors import InputError
from validate.measure import CellSpec, measure_for

Record = Mapping[str, Any]
"""``{"cell": key, "measured": {...}, "seconds": ...}``, or ``refused`` or ``failed``: reason; with ``versions``."""


@dataclass(frozen=True)
class Journal:
    """A file with one JSON object a line, one for each finished cell; the last line may be cut off.

    Attributes:
        path: the file.
        versions: packages that a measurement depends on; records of others are not read.
    """

    path: Path
    versions: Mapping[str, str]

    def load(self) -> dict[str, Record]:
        """Return the records of these versions by cell, of several the last; what failed is to be tried again."""
        found: dict[str, Record] = {}
        with suppress(FileNotFoundError), self.path.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    if record["versions"] == self.versions and "failed" not in record:
                        found[record["cell"]] = record
        return found

    def append(self, record: Record) -> None:
        """Write a record down for good.

        Raises:
            InputError: when the file cannot be written.
        """
        line = json.dumps({**record, "versions": dict(self.versions)}) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                if file.tell() and not _ends_a_line(file):
                    line = "\n" + line  # after a line that was cut off
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"journal {self.path} cannot be written: {error.strerror or error}") from error


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def run_cells(cells: Iterable[CellSpec], journal: Journal, jobs: int) -> Iterator[tuple[CellSpec, Record]]:
    """Measure cells that the journal does not have yet, and yield each with its record as it is finished.

    Args:
        cells: what to measure, in order.
        journal: where finished cells are read from and written to.
        jobs: how many processes run at a time; the cores are shared out among them.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["validate.preload"])
    known = journal.load()
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting = iter(cells)
    running: dict[Connection, tuple[CellSpec, Any]] = {}
    try:
        while True:
            while len(running) < jobs and (spec := next(waiting, None)):
                if spec.key in known:
                    yield spec, known[spec.key]
                    continue
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=measure_for, args=(spec, sender, threads), daemon=True)
                process.start()
                sender.close()
                running[receiver] = (spec, process)
            if not running:
                return
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                spec, process = running.pop(ready)
                record = {"cell": spec.key, **_answer(ready, process)}
                journal.append(record)
                yield spec, record
    finally:
        for _, process in running.values():
            process.kill()


def _answer(receiver: Connection, process: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = receiver.recv()
    except EOFError:
        process.join()
        answer = {"failed": f"the process ended with status {process.exitcode}"}
    receiver.close()
    process.join()
    return answer
