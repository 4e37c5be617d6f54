"""A cell at one point, in words and as data: what stands above a table and at the top of a JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from costmodel.contract import Point
from costmodel.setup import Setup


def title(setup: Setup, point: Point, alias: str | None = None) -> str:
    """Say in one line what is looked at: ``mobilenet_v2, lora: N = 1, H = 224, W = 224, r = 4, 10 classes, adamw``.

    Args:
        setup: the cell.
        point: its sizes.
        alias: the name that the model was asked for by, where it stands for another.
    """
    asked = f" ({alias})" if alias else ""
    sizes = ", ".join(f"{axis} = {value}" for axis, value in point.values().items())
    classes = f"{setup.subject.classes} classes" if setup.subject.classes else ""
    setting = (classes, setup.optimizer_name, f"loss {setup.training.loss}")
    told = (*setting, setup.options.label, setup.training.label)
    return f"{setup.subject.name}{asked}, {setup.method.name}: {', '.join((sizes, *filter(None, told)))}"


def described(setup: Setup, point: Point, alias: str | None = None) -> dict[str, Any]:
    """Return the same as plain data, under the names of the contract's JSON."""
    return {
        "model": setup.subject.name,
        "alias": alias,
        "method": setup.method.name,
        "optimizer": setup.optimizer_name,
        "loss": setup.training.loss,
        "classes": setup.subject.classes,
        "inputs": str(setup.subject.inputs),
        "options": setup.options.given,
        "training": asdict(setup.training),
        "point": point.values(),
    }
