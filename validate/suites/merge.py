"""Journals of several runs of one suite joined into one: nothing twice, nothing lost, contradictions named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.errors import InputError
from costmodel.files import write_whole
from validate.cellkey import basis, is_exact, label
from validate.suites.journal import Journal, Record, line_of, records


@dataclass(frozen=True, slots=True)
class Conflict:
    """One cell under the same versions with different exact numbers.

    Attributes:
        cell: its key.
        quantity: the first number that differs.
        values: in the order of the files.
    """

    cell: str
    quantity: str
    values: tuple[int, ...]

    def __str__(self) -> str:
        shown = " and ".join(f"{value:,}" for value in self.values)
        return f"{label(self.cell)}: {self.quantity} was measured as {shown} with the same versions"


@dataclass(frozen=True, slots=True)
class Merged:
    """What joining has given.

    Attributes:
        records: each cell once for each set of versions, or as often as its exact numbers contradict each other.
        read: how many records there were.
        again: cells whose estimate was measured more than once; the last one is kept.
        conflicts: contradictions, all of whose records are kept.
    """

    records: tuple[Record, ...]
    read: int
    again: int
    conflicts: tuple[Conflict, ...]


def merged(all_records: Iterable[Record]) -> Merged:
    """Join records: of one cell under the same versions the last, a success before a failure.

    Args:
        all_records: of all journals, in order.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    read = 0
    for record in all_records:
        read += 1
        cell = record["cell"]
        groups.setdefault((cell, json.dumps(basis(cell, record["versions"]), sort_keys=True)), []).append(record)
    kept: list[Record] = []
    conflicts: list[Conflict] = []
    again = 0
    for (cell, _), group in groups.items():
        done = [record for record in group if "failed" not in record] or group
        if is_exact(cell):
            different = {json.dumps(record.get("measured"), sort_keys=True): record for record in done}
            kept += different.values()
            measured = [record["measured"] for record in different.values() if "measured" in record]
            if len(measured) > 1:
                conflicts.append(_conflict(cell, measured))
        else:
            kept.append(done[-1])
            again += len({json.dumps(record.get("measured"), sort_keys=True) for record in done}) > 1
    return Merged(tuple(kept), read, again, tuple(conflicts))


def _conflict(cell: str, measured: list[Mapping[str, Any]]) -> Conflict:
    names = dict.fromkeys(name for numbers in measured for name in numbers)
    quantity = next(name for name in names if len({numbers.get(name) for numbers in measured}) > 1)
    return Conflict(cell, quantity, tuple(numbers.get(quantity, 0) for numbers in measured))


def merge_journals(name: str, folders: Iterable[Path], output: Path) -> Merged:
    """Join the journals ``NAME.jsonl`` of folders into that of ``output``, which may be one of them.

    Raises:
        InputError: where a folder has no such journal, or a run is writing that of ``output``.
        OSError: when ``output`` cannot be written.
    """
    paths = [folder / f"{name}.jsonl" for folder in folders]
    target = output / f"{name}.jsonl"
    if target.exists() and not any(path.resolve() == target.resolve() for path in paths):
        paths.insert(0, target)  # what is there already is not lost
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path.parent} has no journal {path.name}: expected a folder that --output named in a run"
            )
    with Journal(target, {}).taken() if target.exists() else nullcontext():
        found = merged(record for path in paths for record in records(path))
        write_whole(target, "".join(map(line_of, found.records)), follow=False)
    return found
