"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

    Raises:
        OSError: when the folder cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # said of a file in the place of the folder
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old text or the new one, never half of it.

    Raises:
        OSError: when the folder cannot be written; nothing is left behind.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
