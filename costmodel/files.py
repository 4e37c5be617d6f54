"""Files: written whole or not at all, whatever happens meanwhile; read as data, whoever wrote them; checksums."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import Any
from zlib import crc32

from costmodel.errors import InputError

PICTURES = (".svg", ".png", ".pdf")
"""Endings of files that a figure can be written to."""

FORMULA = r"^[=+@\t\r\n-]"
"""Start of a text that a spreadsheet takes for a formula."""

MOST_BYTES = 64 * 2**20
"""Of a file that is read whole; those that this package writes are a hundredth of it."""


def check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written, before anything is worked out.

    Raises:
        InputError: for another ending.
    """
    if path.suffix.lower() not in PICTURES:
        raise InputError(f"picture '{path}': unknown ending '{path.suffix}'; accepted: {', '.join(PICTURES)}")


@contextmanager
def replacing(path: Path, follow: bool = True) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to, which takes its place at the end, or is removed when that fails.

    What is there and no regular file (``/dev/stdout``, a pipe) is written to as it stands, never replaced.

    Args:
        path: the file.
        follow: whether a link is followed, as in a path that the caller gives; otherwise it is replaced.

    Raises:
        InputError: for a name that no file can have.
        OSError: when it cannot be written; it names ``path``, and nothing is left behind.
    """
    if "\0" in str(path):
        raise InputError(f"file '{path}': no name has a zero byte in it")
    made: list[Path] = []
    temporary: Path | None = None
    try:
        if path.is_dir() and (follow or not path.is_symlink()):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        linked = path.is_symlink()
        if path.exists() and not path.is_file() and (follow or not linked):
            yield path
            return
        target = Path(os.path.realpath(path)) if linked and follow else path
        made = _folders(target.parent)
        # Of the name only a beginning: with more around it a long one would be too long.
        temporary = target.with_name(f".{target.stem[:30]}.{os.getpid()}.{os.urandom(4).hex()}{target.suffix[:10]}")
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            for folder in reversed(made):
                folder.rmdir()
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(path), None  # what was asked for, not what stands in for it
        raise


def _folders(folder: Path) -> list[Path]:
    """Make a folder and those above it, and return the ones that were not there."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()][::-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # said of a file in the place of the folder
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
    return missing


def write_whole(path: Path, text: str, follow: bool = True) -> None:
    """Write a text file so that a reader sees the old text or the new one, never half of it.

    Args:
        path: the file.
        text: what it will hold.
        follow: as `replacing`.

    Raises:
        InputError: for a name that no file can have.
        OSError: when it cannot be written; nothing is left behind.
    """
    with replacing(path, follow) as temporary:
        # What was no UTF-8 on the command line is escaped, not refused: it stands in comments only.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_whole(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file, of which there may be no end.

    Raises:
        ValueError: for one of more than ``most`` bytes.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        # What has a size says so at once; a device has none.
        if os.fstat(file.fileno()).st_size <= most and len(found := file.read(most + 1)) <= most:
            return found
    raise ValueError(f"more than {most:,} bytes")


def read_json(text: bytes) -> Any:
    """Read JSON that somebody else may have written, as strictly as it was meant: UTF-8, each key once, finite numbers.

    Raises:
        ValueError: for anything else, however deep it is nested.
    """
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


def in_sheet(value: Any) -> Any:
    """Return a cell of a CSV file: text that a spreadsheet would take for a formula stands behind an apostrophe."""
    return f"'{value}" if isinstance(value, str) and re.match(FORMULA, value) else value


def canonical(data: Any) -> bytes:
    """Return plain data as the one JSON text that does not depend on the order of keys."""
    return json.dumps(data, sort_keys=True).encode()


def checksum(text: bytes) -> str:
    """Return the CRC-32 of a text as 8 hexadecimal digits: against accidents, not against who changes it too."""
    return f"{crc32(text):08x}"
