"""Methods that other packages bring, as entry points of the group ``costmodel.methods``.

They are looked up only for a name that is not one of ours, and to list all methods: reading what is installed takes
longer than an answer that ships.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterator
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint, entry_points

from costmodel.errors import InputError
from costmodel.methods.method import Method

GROUP = "costmodel.methods"

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
"""What can be typed for a method, also in a list with commas."""


def brought(name: str) -> Method | None:
    """Return the method that another package brings under a name, ``None`` where there is none.

    Raises:
        InputError: where two packages bring it, or what is brought is no method.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if len(found) > 1:
        raise InputError(
            f"method '{name}' is brought by {' and by '.join(map(_origin, found))}: only one can be installed"
        )
    return _load(found[0]) if found else None


def names() -> set[str]:
    """Return the names that other packages bring methods under."""
    return {entry.name for entry in entry_points(group=GROUP)}


def all_brought(taken: Container[str]) -> Iterator[Method | InputError]:
    """Yield what other packages bring by name: each method, or why there is none.

    Args:
        taken: names of ours, which nobody else's method can have.
    """
    for name in sorted(names()):
        try:
            if name in taken:
                (entry, *_) = entry_points(group=GROUP, name=name)
                raise InputError(f"method '{name}' of {_origin(entry)} is left out: costmodel has one of that name")
            if method := brought(name):
                yield method
        except InputError as error:
            yield error


def _load(entry: EntryPoint) -> Method:
    from costmodel.compat import careful_imports

    what = f"method '{entry.name}' of {_origin(entry)}"
    if not _NAME.fullmatch(entry.name):
        raise InputError(f"{what} cannot be typed: expected a name of letters, digits, '_', '.' and '-'")
    try:
        with careful_imports():
            made = entry.load()
    except (Exception, SystemExit) as error:  # another's code: whatever stops it
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"{what}: importing {entry.value} fails: {reason}") from error
    if not isinstance(made, Method):
        raise InputError(f"{what}: {entry.value} is {type(made).__name__}, expected a costmodel.Method")
    if made.name != entry.name:
        raise InputError(f"{what}: {entry.value} is called '{made.name}', expected the name of its entry point")
    assert entry.dist is not None, "entry points that are looked up know their distribution"
    packages = dict.fromkeys((*made.packages, _normalized(entry.dist.name)))
    return replace(made, packages=tuple(packages), identity=_identity(entry.dist, made))


def _origin(entry: EntryPoint) -> str:
    return f"package {entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def _normalized(name: str) -> str:
    """Write a distribution's name as indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _identity(package: Distribution, method: Method) -> str:
    """Say which method it is, for formulas on disk: package, version, and what was installed of it.

    Empty, so that nothing is kept on disk, where the code can change under one version: in an editable installation,
    or where the package does not record what was installed.
    """
    record = package.read_text("RECORD")
    try:
        editable = json.loads(package.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable", False)
    except (ValueError, AttributeError):
        editable = True
    if not record or editable:
        return ""
    digest = hashlib.sha256(record.encode()).hexdigest()
    return " ".join((_normalized(package.name), package.version, digest, method.identity))
