"""A file of finished cells that survives an end at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.errors import InputError

Record = Mapping[str, Any]
"""``{"cell": key, "measured": {...}, "seconds": ...}``, or ``refused`` or ``failed``: reason; with ``versions``.

Where there is a prediction of what was measured it stands beside it, as ``predicted``.
"""

OUTCOMES = ("measured", "refused", "failed")
"""Of these a record has one."""


@dataclass(frozen=True)
class Journal:
    """A file with one JSON object a line, one for each finished cell; the last line may be cut off.

    Attributes:
        path: the file.
        versions: packages that a measurement depends on; records of others are not read.
    """

    path: Path
    versions: Mapping[str, str]

    def load(self, failed: bool = False) -> dict[str, Record]:
        """Return the records of these versions by cell, of several the last.

        Args:
            failed: whether cells that only ever failed are among them; without them they are tried again.

        Raises:
            InputError: when the file is there and cannot be read.
        """
        versions = dict(self.versions)
        if not self.path.exists():
            return {}
        mine = [record for record in records(self.path) if record["versions"] == versions]
        found = {record["cell"]: record for record in mine if failed and "failed" in record}
        return found | {record["cell"]: record for record in mine if "failed" not in record}

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


def records(path: Path) -> Iterator[Record]:
    """Yield every record of a journal, of whatever versions, in the order written; lines that are none are left out.

    Raises:
        InputError: when the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"journal {path} cannot be read: {error.strerror or error}") from error
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and _whole(record):
            yield record


def _whole(record: Record) -> bool:
    """Tell whether a line says which cell it is of, which versions it holds for, and what came of it."""
    told = isinstance(record.get("cell"), str) and isinstance(record.get("versions"), dict)
    numbers = all(_are_numbers(record[name]) for name in ("measured", "predicted") if name in record)
    return told and numbers and any(outcome in record for outcome in OUTCOMES)


def _are_numbers(values: object) -> bool:
    return isinstance(values, dict) and {*map(type, values.values())} <= {int, float}
