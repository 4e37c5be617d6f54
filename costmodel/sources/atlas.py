"""Formulas that ship with the package: torchvision's classification models with the contract's methods, its defaults.

One file a model in ``specs/atlas``, one line a region. They answer without torch, and only where the installed torch,
torchvision, peft and galore-torch are missing, the very ones that they were derived with, or others that they were
checked with; and only for the row of ``specs/models.json`` that they were derived for. ``checked.json`` says both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import specs
from costmodel.algebra.formula import Derivation
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import model_table
from costmodel.files import canonical, checksum, read_json, read_whole
from costmodel.sources.versions import MISSING, installed, release

FOLDER = specs.FOLDER / "atlas"
SCHEMA = "costmodel.atlas/1"

CHECKED = "checked.json"

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
"""The name of a package, or a version of it."""

NOWHERE: Mapping[str, Any] = MappingProxyType({"schema": SCHEMA, "versions": {}, "cells": {}})
"""What is stored of a model that is not in the atlas."""


UNCHECKED: Mapping[str, Any] = MappingProxyType({"releases": (), "rows": {}})
"""What is known of formulas that nothing says about what they were checked with."""


@cache
def stored(model: str) -> Mapping[str, Any]:
    """Return what ships for a model: the ``versions`` it was derived with, and the ``cells`` by method.

    A file that is not as it was written, or never was one of these, is no file: what it would answer is derived.
    """
    try:
        text = read_whole(FOLDER / f"{model}.json")
        found: dict[str, Any] = read_json(text) if intact(text) else {}
        whole = found["schema"] == SCHEMA and found["model"] == model and _are_lists(found["cells"])
        return found if whole and _are_versions(found["versions"]) else NOWHERE
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return NOWHERE


def _are_lists(cells: Mapping[str, Any]) -> bool:
    return {list}.issuperset(map(type, cells.values()))


def _are_versions(told: Mapping[str, Any]) -> bool:
    return all(_WORD.fullmatch(word) for pair in told.items() for word in pair)


def seal(text: str) -> str:
    """Put a checksum of all below it into the second line of a model's file: one changed digit is another formula."""
    start, rest = text.split("\n", 1)
    return f"{start}\n{_seal(rest.encode())}\n{rest}"


def intact(text: bytes) -> bool:
    """Tell whether a model's file is as it was written; how its lines end does not matter."""
    start, _, below = text.replace(b"\r\n", b"\n").partition(b"\n")
    seal, _, rest = below.partition(b"\n")
    return start == b"{" and seal == _seal(rest).encode()


def _seal(rest: bytes) -> str:
    return f' "crc32": "{checksum(rest)}",'


@cache
def checked() -> Mapping[str, Any]:
    """Return the ``releases`` that the formulas were checked with, beside those that they were derived with.

    And of each model the checksum of the row in ``rows`` that it is built by.
    """
    try:
        found: dict[str, Any] = read_json(read_whole(FOLDER / CHECKED))
        return found if all(map(_are_versions, (*found["releases"], found["rows"]))) else UNCHECKED
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return UNCHECKED


def row_checksum(model: str) -> str:
    """Return the checksum of a model's row in the table of models: another row is another model."""
    return checksum(canonical(model_table()[model]))


def shipped(setup: Setup) -> tuple[Derivation, ...]:
    """Return the formulas that ship for a cell.

    None where it is not of the atlas, its model's row is another now, where other versions are installed, or where
    ``COSTMODEL_ATLAS`` is ``off``.
    """
    if os.environ.get("COSTMODEL_ATLAS") == "off" or not (setup.verified and _is_current(setup)):
        return ()
    regions = stored(setup.subject.name)["cells"].get(setup.method.name, ())
    try:
        return tuple(map(Derivation.from_dict, regions))
    except (ValueError, LookupError, TypeError, AttributeError):  # whoever wrote it knows its checksum
        return ()


def versions(setup: Setup) -> Mapping[str, str]:
    """Return the versions of the packages that a cell's shipped formulas were derived with; empty where none ship."""
    found: Mapping[str, str] = stored(setup.subject.name)["versions"] if setup.verified else {}
    return found


def unchecked(setup: Setup) -> str:
    """Say which installed release a cell's shipped formulas were not checked with; empty where they were with all."""
    had, found = versions(setup), installed(setup.method.packages)
    other = {name: version for name, version in found.items() if not _agrees(version, had.get(name))}
    if not had or not other or any(_is_of(found, {**had, **known}) for known in checked()["releases"]):
        return ""
    return " and ".join(f"{name} {version}" for name, version in other.items())


def _is_current(setup: Setup) -> bool:
    """Tell whether a cell's formulas are of the model's row and of what is installed."""
    name = setup.subject.name
    return name in checked()["rows"] and checked()["rows"][name] == row_checksum(name) and not unchecked(setup)


def _is_of(found: Mapping[str, str], versions: Mapping[str, str]) -> bool:
    return all(_agrees(version, versions.get(name)) for name, version in found.items())


def _agrees(found: str, had: str | None) -> bool:
    """Tell whether an installed version is missing or of a release; builds such as +cpu do not matter."""
    return had is not None and release(found) in (MISSING, release(had))
