"""What has changed between two result files: cells, verdicts and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.errors import InputError
from costmodel.results import NUMBER, TEXT, Result, frame
from validate.cellkey import is_exact, label, told
from validate.suites.journal import Record, records

if TYPE_CHECKING:
    import pandas as pd

Number = int | float
KINDS = ("predicted", "measured")


@dataclass(frozen=True, slots=True)
class Results:
    """A result file as it is compared.

    Attributes:
        path: the file.
        cells: the last record of each cell, of whatever versions; a success before a later failure of the same ones.
        versions: the sets of versions that those have, joined where they do not contradict each other.
    """

    path: Path
    cells: Mapping[str, Record]
    versions: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A number that is another now.

    Attributes:
        quantity: its name.
        kind: ``predicted`` or ``measured``.
        old, new: its values; ``None`` where it is not there.
    """

    quantity: str
    kind: str
    old: Number | None
    new: Number | None

    @property
    def relative(self) -> float | None:
        """New over old, minus 1; ``None`` where there is no such ratio."""
        return None if not self.old or self.new is None else self.new / self.old - 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        told_ = {"quantity": self.quantity, "kind": self.kind, "old": self.old, "new": self.new}
        return {**told_, "change": self.relative}


@dataclass(frozen=True, slots=True)
class CellDrift:
    """A cell that is in both files and has changed.

    Attributes:
        cell: its key.
        verdicts: old and new.
        changes: number by number.
    """

    cell: str
    verdicts: tuple[str, str]
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        old, new = self.verdicts
        numbers = [change.to_dict() for change in self.changes]
        return {"cell": told(self.cell), "verdict": {"old": old, "new": new}, "numbers": numbers}


@dataclass(frozen=True)
class Drift(Result):
    """All that has changed between two result files."""

    SCHEMA: ClassVar[str] = "costmodel.drift/1"

    old: Results
    new: Results
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[CellDrift, ...]

    @property
    def unchanged(self) -> int:
        """How many cells are the same in both."""
        return len(self.old.cells) - len(self.removed) - len(self.changed)

    @property
    def same(self) -> bool:
        """Whether nothing has changed."""
        return not (self.added or self.removed or self.changed)

    def content(self) -> dict[str, Any]:
        """Return what the files are, and every cell and number that has changed."""
        files = {
            name: {
                "file": str(side.path),
                "cells": len(side.cells),
                "versions": [dict(versions) for versions in side.versions],
            }
            for name, side in (("old", self.old), ("new", self.new))
        }
        return {
            **files,
            "same": self.same,
            "unchanged": self.unchanged,
            "added": [told(cell) for cell in self.added],
            "removed": [told(cell) for cell in self.removed],
            "changed": [cell.to_dict() for cell in self.changed],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each number that has changed, with its cell in a line."""
        rows = ({"cell": label(one.cell), **change.to_dict()} for one in self.changed for change in one.changes)
        return frame(rows, {**dict.fromkeys(("cell", "quantity", "kind", "old", "new"), TEXT), "change": NUMBER})


def load(path: Path) -> Results:
    """Read a result file: the journal of a suite, with records of any versions.

    Raises:
        InputError: for a file that cannot be read, or that has no record.
    """
    return gathered(path, records(path))


def gathered(path: Path, all_records: Iterable[Record]) -> Results:
    """Return the last record of each cell.

    Raises:
        InputError: where there is none.
    """
    last: dict[str, Record] = {}
    for record in all_records:
        before = last.get(record["cell"])
        if before and "failed" in record and "failed" not in before and before["versions"] == record["versions"]:
            continue
        last.pop(record["cell"], None)  # in the order of the last ones
        last[record["cell"]] = record
    if not last:
        raise InputError(f"{path} has no results: expected the journal of a suite, NAME.jsonl")
    return Results(path, last, _sets(record["versions"] for record in last.values()))


def _sets(each: Iterable[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Join the versions that records name, each those its own numbers depend on, where they do not contradict."""
    joined: list[dict[str, str]] = []
    for versions in each:
        for known in joined:
            if all(known.get(name, version) == version for name, version in versions.items()):
                known.update(versions)
                break
        else:
            joined.append(dict(versions))
    return tuple(joined)


def compare(old: Results, new: Results, tolerance: float) -> Drift:
    """List what has changed.

    Args:
        old: the one file.
        new: the other, later one.
        tolerance: relative change up to which an estimated or measured number at an inexact depth is the same; exact
            numbers have none.
    """
    both = [cell for cell in old.cells if cell in new.cells]
    changed = (_cell(cell, old.cells[cell], new.cells[cell], tolerance) for cell in both)
    return Drift(
        old,
        new,
        added=tuple(cell for cell in new.cells if cell not in old.cells),
        removed=tuple(cell for cell in old.cells if cell not in new.cells),
        changed=tuple(cell for cell in changed if cell is not None),
    )


def _cell(cell: str, old: Record, new: Record, tolerance: float) -> CellDrift | None:
    exact = is_exact(cell)
    allowed = 0.0 if exact else tolerance
    changes: list[Change] = []
    for kind in KINDS:
        if kind == "predicted" and not (kind in old and kind in new):
            continue  # journals of old have no predictions
        before, after = old.get(kind) or {}, new.get(kind) or {}
        for name in dict.fromkeys((*before, *after)):
            change = Change(name, kind, before.get(name), after.get(name))
            if _differs(change, allowed):
                changes.append(change)
    verdicts = verdict(old, exact), verdict(new, exact)
    judged = verdicts[0] != verdicts[1] and MEASURED not in verdicts
    if not changes and not judged and ("measured" in old) == ("measured" in new):
        return None
    return CellDrift(cell, verdicts, tuple(changes))


def _differs(change: Change, allowed: float) -> bool:
    if change.old == change.new:
        return False
    if not allowed or change.old is None or change.new is None:
        return True
    return abs(change.new - change.old) > allowed * abs(change.old)


MEASURED = "measured"
"""The verdict of a record that has no prediction, or an estimate, beside what was measured."""


def verdict(record: Record, exact: bool) -> str:
    """Say what came of a cell: ``equal``, ``differs``, ``measured``, ``refused: ...`` or ``failed: ...``."""
    for outcome in ("failed", "refused"):
        if outcome in record:
            return f"{outcome}: {record[outcome]}"
    if not exact or "predicted" not in record:
        return MEASURED
    predicted = record["predicted"]
    return "equal" if all(predicted.get(name) == value for name, value in record["measured"].items()) else "differs"


def stated(versions: Mapping[str, str]) -> str:
    """Write a set of versions in one line; the four that decide the numbers are always named."""
    names = dict.fromkeys(("torch", "torchvision", "peft", "galore-torch", *versions))
    return ", ".join(
        f"{name.replace('galore-torch', 'galore_torch')} {versions.get(name, 'not stated')}" for name in names
    )
