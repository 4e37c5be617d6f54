"""Files that are there whole or not at all, whatever happens while they are written; checksums."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from costmodel.errors import InputError

PICTURES = (".svg", ".png", ".pdf")
"""Endings of files that a figure can be written to."""


def check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written, before anything is worked out.

    Raises:
        InputError: for another ending.
    """
    if path.suffix.lower() not in PICTURES:
        raise InputError(f"picture '{path}': unknown ending '{path.suffix}'; accepted: {', '.join(PICTURES)}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to, which takes its place at the end, or is removed when that fails.

    A link is followed. What is there and no regular file (``/dev/stdout``, a pipe) is written to as it stands, never
    replaced.

    Raises:
        InputError: for a name that no file can have.
        OSError: when it cannot be written; it names ``path``, and nothing is left behind.
    """
    if "\0" in str(path):
        raise InputError(f"file '{path}': no name has a zero byte in it")
    made: list[Path] = []
    temporary: Path | None = None
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            yield path
            return
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
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


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old text or the new one, never half of it.

    Raises:
        InputError: for a name that no file can have.
        OSError: when it cannot be written; nothing is left behind.
    """
    with replacing(path) as temporary:
        # What was no UTF-8 on the command line is escaped, not refused: it stands in comments only.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def canonical(data: Any) -> bytes:
    """Return plain data as the one JSON text that does not depend on the order of keys."""
    return json.dumps(data, sort_keys=True).encode()


def checksum(text: bytes) -> str:
    """Return the CRC-32 of a text as 8 hexadecimal digits: against accidents, not against who changes it too."""
    return f"{crc32(text):08x}"
