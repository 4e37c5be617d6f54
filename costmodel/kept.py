"""What is kept between calls in the user's cache; used only where nobody else decides what is there.

``COSTMODEL_CACHE_DIR``, or the place that the system has for caches. A checksum in a file is against accidents, not
against who can write it. So a folder that belongs to somebody else, or that everybody may write to, is as if there were
none: nothing is read from it and nothing written. A link in the place of a folder or a file below it is not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import platformdirs

from costmodel.files import read_json, read_whole, write_whole


def path_of(kind: str, name: str) -> Path:
    """Return the file of one thing of a kind: ``formulas``, ``hosts``."""
    folder = os.environ.get("COSTMODEL_CACHE_DIR") or platformdirs.user_cache_dir("costmodel")
    return Path(folder) / kind / f"{name}.json"


def load(path: Path) -> Any:
    """Return what was stored.

    Raises:
        OSError: where there is no file, or none that is read.
        ValueError: where it is no JSON.
    """
    _check_folders(path)
    if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would be waited for, a link leads elsewhere
        raise _refused(path)
    return read_json(read_whole(path))


def store(path: Path, text: str) -> None:
    """Write a file whole or not at all, in folders that are the user's own.

    Raises:
        OSError: when it cannot be written.
    """
    for folder in (path.parents[1], path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folders(path)
    write_whole(path, text, follow=False)


def _check_folders(path: Path) -> None:
    """Refuse a folder that others decide on, and a link in the place of the inner one."""
    for found in (path.parents[1].stat(), path.parent.lstat()):
        if not stat.S_ISDIR(found.st_mode) or not _own(found):
            raise _refused(path)


def _own(found: os.stat_result) -> bool:
    """Tell whether a folder is this user's or the system's, and not everybody's to write to."""
    if not hasattr(os, "getuid"):  # Windows, whose users' folders are their own
        return True
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & stat.S_IWOTH


def _refused(path: Path) -> OSError:
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
