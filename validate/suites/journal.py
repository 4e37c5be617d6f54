"""A file of finished cells that survives an end at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from filelock import FileLock, Timeout
from msgspec import Meta

from costmodel.errors import InputError
from costmodel.files import canonical, checksum, read_json, read_whole
from validate.cellkey import basis, decisive

Record = Mapping[str, Any]
"""``{"cell": key, "measured": {...}, "seconds": ...}``, or ``refused`` or ``failed``: reason; with ``versions``.

Where there is a prediction of what was measured it stands beside it, as ``predicted``. In the file each record has a
checksum, ``crc32``, of all else; those of older releases have none, and nothing but the names here.
"""

OUTCOMES = ("measured", "refused", "failed")
"""Of these a record has one."""

SEAL = "crc32"

MOST_BYTES = 2**29
"""Of a journal: 100,000 cells take a fifth of it."""

LARGEST = 1e30
"""No measured or predicted number is as large."""

_Word = Annotated[str, Meta(min_length=1, max_length=100)]
_Numbers = Annotated[dict[_Word, int | float], Meta(min_length=1)]
_Reason = Annotated[str, Meta(max_length=100_000)]


class _Line(TypedDict):
    """What a record has to be; whatever else a later release writes beside it stays."""

    cell: Annotated[str, Meta(min_length=1, max_length=10_000)]
    versions: dict[_Word, _Word]
    seconds: NotRequired[Annotated[float, Meta(ge=0, lt=LARGEST)] | None]
    predicted: NotRequired[_Numbers]
    measured: NotRequired[_Numbers]
    refused: NotRequired[_Reason]
    failed: NotRequired[_Reason]


NAMES = _Line.__annotations__.keys()


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
        if not self._is_there():
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
        self._is_there()
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

    @property
    def lock(self) -> Path:
        """The file beside it that a run has locked."""
        return self.path.with_name(f".{self.path.name}.lock")

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other runs from this journal for as long as this one goes on, where the file system has locks.

        The lock is a file beside it, which stays: one that is removed while another run waits for it locks nobody out.

        Raises:
            InputError: when another run has it, or the folder cannot be written.
        """
        lock = FileLock(self.lock, blocking=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise InputError(f"{self.path.parent} is in use: another run writes {self.path.name}") from error
        except OSError as error:
            raise _not_written(self.path, error) from error
        except NotImplementedError:  # a file system without locks
            pass
        with lock if lock.is_locked else nullcontext():
            yield

    def _is_there(self) -> bool:
        """Tell whether there is such a file.

        Raises:
            InputError: for a link, which may lead out of the folder that was named, and for a pipe or a device.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise InputError(f"journal {self.path}: expected a file, found a link, a folder or a device")
        return self.path.exists()


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
        lines = read_whole(path, MOST_BYTES).split(b"\n")
    except OSError as error:
        raise InputError(f"journal {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"journal {path} cannot be read: {error}") from error
    for line in lines:
        try:
            record = read_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and _as_written(record) and _whole(record):
            yield record


def _as_written(record: dict[str, Any]) -> bool:
    """Tell whether a record agrees with its checksum, and take that out."""
    if SEAL not in record:  # of an older release, unless the name of the checksum is what was damaged
        return record.keys() <= NAMES
    return bool(record.pop(SEAL) == checksum(canonical(record)))


def _whole(record: dict[str, Any]) -> bool:
    """Tell whether a line says which cell it is of, which versions it holds for, and what came of it."""
    try:
        line = msgspec.convert(record, _Line)
    except msgspec.ValidationError:
        return False
    numbers = (*line.get("measured", {}).values(), *line.get("predicted", {}).values())
    return all(abs(value) < LARGEST for value in numbers) and any(outcome in line for outcome in OUTCOMES)
