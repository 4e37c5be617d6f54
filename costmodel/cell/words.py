"""A cell in words and as data: what stands above a table and at the top of a JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from costmodel.cell.setup import Setup


def title(setup: Setup, sizes: Mapping[str, int], alias: str | None = None, symbolic: Iterable[str] = ()) -> str:
    """Say in one line what is looked at: ``mobilenet_v2, lora: N = 1, H = 224, W = 224, r = 4, 10 classes, adamw``.

    Args:
        setup: the cell.
        sizes: the axes that have a number.
        alias: the name that the model was asked for by, where it stands for another.
        symbolic: names of those that have none.
    """
    asked = f" ({alias})" if alias else ""
    names = ", ".join(dict.fromkeys(symbolic))
    told = (
        *(f"{axis} = {value}" for axis, value in sizes.items()),
        f"symbolic in {names}" if names else "",
        f"{setup.subject.classes} classes" if setup.subject.classes else "",
        setup.optimizer_name,
        f"loss {setup.training.loss}",
        setup.options.label,
        "" if setup.training.label == f"--loss {setup.training.loss}" else setup.training.label,
    )
    return f"{setup.subject.name}{asked}, {setup.method.name}: {', '.join(filter(None, told))}"


def described(setup: Setup, alias: str | None = None) -> dict[str, Any]:
    """Return what a cell is as plain data, under the names of the contract's JSON; its point is not part of it."""
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
    }
