"""A cell's key as journals have it, read back for people and for comparison, without building anything."""

from __future__ import annotations

import json
from typing import Any

from costmodel.contract import AXES, DEFAULT_CLASSES
from validate.cell import OPERATORS
from validate.depths import DEPTHS


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


def label(key: str) -> str:
    """Say in one line which cell it is: ``resnet18 lora N=1 H=224 W=224 r=4 --loss cross_entropy``."""
    cell = told(key)
    if not {"model", "method"} <= cell.keys():
        return key
    words = [cell["model"], cell["method"]]
    point = _table(cell, "point")
    words += [f"{axis}={point[axis]}" for axis in AXES if axis in point]
    for name in ("options", "training"):
        words += [f"--{option.replace('_', '-')} {value}" for option, value in _table(cell, name).items()]
    for name, default in (("classes", DEFAULT_CLASSES), ("inputs", None), ("aux", False), ("depth", OPERATORS)):
        if cell.get(name, default) != default:
            words.append(f"--{name} {cell[name]}")
    return " ".join(map(str, words))


def _table(cell: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a cell; nothing where it is no table."""
    part = cell.get(name)
    return part if isinstance(part, dict) else {}
