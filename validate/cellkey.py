"""A cell's key as journals have it, read back for people and for comparison, without building anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from costmodel.cell.subjects import TIMM, ModelOptions, model_table
from costmodel.cell.training import Training
from costmodel.contract import AXES
from costmodel.methods import METHODS, Options
from costmodel.options import options_of
from costmodel.sources.versions import PACKAGES, release
from validate.cell import OPERATORS
from validate.depths import DEPTHS

OF_THE_CALLER = ("transformers",)
"""Packages that a factory of the caller's may build its model from: what it imports is not known."""


_OPTIONS = {**options_of(ModelOptions), **options_of(Options), **options_of(Training)}


def told(key: str) -> dict[str, Any]:
    """Return what a key says of its cell; nothing where it is no JSON object."""
    try:
        read = json.loads(key)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def is_exact(key: str) -> bool:
    """Tell whether a cell's numbers are exact; those of a depth that is not known here are taken to be."""
    depth = DEPTHS.get(str(told(key).get("depth", OPERATORS)))
    return depth is None or depth.exact


def packages(key: str) -> tuple[str, ...] | None:
    """Name the packages whose versions decide a cell's numbers; ``None`` where its method or model is not known."""
    cell = told(key)
    model, method = str(cell.get("model")), METHODS.get(str(cell.get("method")))
    if method is None:
        return None
    if model.startswith(TIMM):
        return (*PACKAGES, *method.packages, "timm")
    if model in model_table():
        return (*PACKAGES, *method.packages)
    return (*PACKAGES, *method.packages, *OF_THE_CALLER)


def decisive(key: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Leave out what does not decide a cell's numbers: a new release of that makes no record another one."""
    kept = packages(key)
    return {name: version for name, version in versions.items() if kept is None or name in kept}


def basis(key: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Return what two records of a cell have in common if they are about the same numbers.

    Exact numbers do not depend on how a release was built (2.13.0+cpu); bytes and seconds on a machine may.
    """
    build = release if is_exact(key) else str
    return {name: build(str(version)) for name, version in decisive(key, versions).items()}


def label(key: str) -> str:
    """Say in one line which cell it is: ``resnet18 lora N=1 H=224 W=224 r=4 --loss cross_entropy``."""
    cell = told(key)
    if not {"model", "method"} <= cell.keys():
        return key
    words = [cell["model"], cell["method"]]
    point = _table(cell, "point")
    words += [f"{axis}={point[axis]}" for axis in AXES if axis in point]
    for part in (_table(cell, "options"), _table(cell, "training"), cell):
        for name, value in part.items():
            if name in _OPTIONS and value != _OPTIONS[name].default:
                words += [_OPTIONS[name].flag] if value is True else [_OPTIONS[name].flag, value]
    if (depth := cell.get("depth", OPERATORS)) != OPERATORS:
        words += ["--depth", depth]
    return " ".join(map(str, words))


def _table(cell: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a cell; nothing where it is no table."""
    part = cell.get(name)
    return part if isinstance(part, dict) else {}
