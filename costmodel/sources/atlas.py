"""Formulas that ship with the package: torchvision's classification models with the contract's methods, its defaults.

One file a model in ``specs/atlas``, one line a region. They answer without torch, and only where the installed torch,
torchvision, peft and galore-torch are missing or the very ones that they were derived with.
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
from costmodel.cell.setup import DEFAULT_OPTIONS, DEFAULT_TRAINING, Setup
from costmodel.cell.subjects import named
from costmodel.contract import DEFAULT_CLASSES
from costmodel.files import checksum, read_json, read_whole
from costmodel.methods import METHODS, PAPER
from costmodel.sources.versions import MISSING, installed, release

FOLDER = specs.FOLDER / "atlas"
SCHEMA = "costmodel.atlas/1"

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
"""The name of a package, or a version of it."""

NOWHERE: Mapping[str, Any] = MappingProxyType({"schema": SCHEMA, "versions": {}, "cells": {}})
"""What is stored of a model that is not in the atlas."""


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


def shipped(setup: Setup) -> tuple[Derivation, ...]:
    """Return the formulas that ship for a cell.

    None where it is not of the atlas, where other versions are installed, or where ``COSTMODEL_ATLAS`` is ``off``.
    """
    if os.environ.get("COSTMODEL_ATLAS") == "off" or not (covers(setup) and _versions_agree(setup)):
        return ()
    regions = stored(setup.subject.name)["cells"].get(setup.method.name, ())
    try:
        return tuple(map(Derivation.from_dict, regions))
    except (ValueError, LookupError, TypeError, AttributeError):  # whoever wrote it knows its checksum
        return ()


def versions(setup: Setup) -> Mapping[str, str]:
    """Return the versions of the packages that a cell's shipped formulas were derived with; empty where none ship."""
    found: Mapping[str, str] = stored(setup.subject.name)["versions"] if covers(setup) else {}
    return found


def covers(setup: Setup) -> bool:
    """Tell whether a cell belongs in the atlas: a model by name, a method of the contract, all at their defaults."""
    return (
        setup.subject.identity == {"model": setup.subject.name, "classes": DEFAULT_CLASSES}
        and setup.method.name in PAPER
        and METHODS[setup.method.name] is setup.method
        and setup.options == DEFAULT_OPTIONS
        and setup.training == DEFAULT_TRAINING
        and setup.subject.inputs == named(setup.subject.name).inputs
    )


def _versions_agree(setup: Setup) -> bool:
    """Tell whether what is installed is what the formulas were derived with; builds such as +cpu do not matter."""
    had = versions(setup)
    found = installed(setup.method.packages)
    return all(name in had and release(found[name]) in (MISSING, release(had[name])) for name in found)
