"""Which packages decide a cost, and in which version they are installed."""

from __future__ import annotations

import os
import sys
from functools import cache

PACKAGES = ("torch", "torchvision")
"""Distributions whose version decides the cost of every cell."""

MISSING = "not installed"


@cache
def _on_path() -> dict[str, str]:
    """Find the installed distributions by the names of their folders, ``torch-2.13.0.dist-info``.

    ``importlib.metadata`` reads the same names, after importing a parser of e-mail headers.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            entries = os.listdir(folder or ".")
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                name, _, version = entry.removesuffix(".dist-info").partition("-")
                found.setdefault(name.lower().replace("_", "-"), version)
    return found


def installed(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of torch, torchvision and ``packages``, `MISSING` for what is not there; imports nothing."""
    return {name: _version(name) for name in dict.fromkeys((*PACKAGES, *packages))}


def release(version: str) -> str:
    """Return a version without its build: 2.13.0 of 2.13.0+cpu."""
    return version.partition("+")[0]


def _version(name: str) -> str:
    found = _on_path().get(name)
    if found is not None:
        return found
    from importlib import metadata  # for a package that came another way

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING
