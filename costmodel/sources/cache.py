"""Derived formulas on disk, by content: an entry is used only for the very cell, code and versions that made it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import specs
from costmodel import kept
from costmodel.cell.subjects import MODELS
from costmodel.files import canonical
from costmodel.sources.known import Known

SCHEMA = 4


@cache
def source_digest() -> str:
    """Digest of all that decides a formula here: another rule, another trace, another row of a model is another entry.

    The other files of ``specs`` decide none: the claims, the constants of a process, and the formulas that ship.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    named = [(path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*.py"))]
    for name, path in (*named, (MODELS, specs.FOLDER / MODELS)):
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class FormulaCache:
    """The derivations of one cell, one for each region derived so far."""

    def __init__(self, identity: dict[str, Any]) -> None:
        """Open the entry for ``identity``: everything that decides the cell's formulas, as plain data."""
        self._identity = identity | {"schema": SCHEMA, "source": source_digest()}
        self._path = kept.path_of("formulas", _digest(self._identity))

    def load(self) -> list[Known]:
        """Return what is stored; nothing when there is no entry, or it is broken or of another cell."""
        try:
            entry = kept.load(self._path)
            if entry["identity"] != self._identity or entry["sha256"] != _digest(entry["derivations"]):
                return []
            return [Known.from_dict(item) for item in entry["derivations"]]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return []

    def store(self, derivations: list[Known]) -> None:
        """Write the entry whole or not at all; where the folder cannot be written, the next call derives again."""
        data = [item.to_dict() for item in derivations]
        entry = {"identity": self._identity, "sha256": _digest(data), "derivations": data}
        try:
            kept.store(self._path, json.dumps(entry))
        except OSError:
            return


def _digest(data: Any) -> str:
    return hashlib.sha256(canonical(data)).hexdigest()
