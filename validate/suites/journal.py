"""A file of finished cells that survives an end at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.errors import InputError
from costmodel.files import canonical, checksum
from validate.cellkey import basis, decisive

Record = Mapping[str, Any]
"""``{"cell": key, "measured": {...}, "seconds": ...}``, or ``refused`` or ``failed``: reason; with ``versions``.

Where there is a prediction of what was measured it stands beside it, as ``predicted``. In the file each record has a
checksum, ``crc32``, of all else; those of older releases have none, and nothing but the names here.
"""

OUTCOMES = ("measured", "refused", "failed")
"""Of these a record has one."""

NAMES = {"cell", "versions", "seconds", "predicted", *OUTCOMES}
SEAL = "crc32"


@dataclass(frozen=True)
class Journal:
    """A file with one JSON object a line, one for each finished cell; the last line may be cut off.

    Attributes:
        path: the file.
        versions: of what is installed. A record has those that its cell's numbers depend on; of others it is not read.
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
        if not self.path.exists():
            return {}
        mine = [record for record in records(self.path) if self._holds(record)]
        found = {record["cell"]: record for record in mine if failed and "failed" in record}
        return found | {record["cell"]: record for record in mine if "failed" not in record}

    def _holds(self, record: Record) -> bool:
        cell = record["cell"]
        return basis(cell, record["versions"]) == basis(cell, self.versions)

    def append(self, record: Record) -> None:
        """Write a record down for good.

        Raises:
            InputError: when the file cannot be written.
        """
        line = line_of({**record, "versions": decisive(record["cell"], self.versions)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                if file.tell() and not _ends_a_line(file):
                    line = "\n" + line  # after a line that was cut off
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _not_written(self.path, error) from error

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other runs from this journal for as long as this one goes on, where the system has locks on files.

        Raises:
            InputError: when another run has it, or the file cannot be made.
        """
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock
        except ImportError:  # Windows
            yield
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDONLY | os.O_CREAT, 0o666)  # one that may only be read is taken as well
        except OSError as error:
            raise _not_written(self.path, error) from error
        try:
            with suppress(OSError):  # a file system without locks
                try:
                    flock(file, LOCK_EX | LOCK_NB)
                except BlockingIOError as error:
                    raise InputError(f"{self.path.parent} is in use: another run writes {self.path.name}") from error
            yield
        finally:
            os.close(file)


def _not_written(path: Path, error: OSError) -> InputError:
    return InputError(f"journal {path} cannot be written: {error.strerror or error}")


def line_of(record: Record) -> str:
    """Return a record as a line of a journal, with its checksum."""
    return json.dumps({**record, SEAL: checksum(canonical(record))}) + "\n"


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def records(path: Path) -> Iterator[Record]:
    """Yield every record of a journal, of whatever versions, in the order written, without its checksum.

    Lines that are none are left out, and so are those that are not as they were written.

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
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and _as_written(record) and _whole(record):
            yield record


def _as_written(record: dict[str, Any]) -> bool:
    """Tell whether a record agrees with its checksum, and take that out."""
    if SEAL not in record:  # of an older release, unless the name of the checksum is what was damaged
        return record.keys() <= NAMES
    return bool(record.pop(SEAL) == checksum(canonical(record)))


def _whole(record: Record) -> bool:
    """Tell whether a line says which cell it is of, which versions it holds for, and what came of it."""
    told = isinstance(record.get("cell"), str) and isinstance(record.get("versions"), dict)
    numbers = all(_are_numbers(record[name]) for name in ("measured", "predicted") if name in record)
    return told and numbers and any(outcome in record for outcome in OUTCOMES)


def _are_numbers(values: object) -> bool:
    return isinstance(values, dict) and bool(values) and {*map(type, values.values())} <= {int, float}
