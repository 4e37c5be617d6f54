"""`costmodel.validate`: one cell, its real step beside its prediction, from a model's name to the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from costmodel.cell.keywords import Cell, alias_of, check_call, split
from costmodel.cell.request import numbers_only, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.subjects import ModelOptions
from costmodel.contract import Point
from costmodel.errors import InputError, shown
from costmodel.options import options_of
from validate.cell import OPERATORS, CellSpec
from validate.compare import Measured, validate_cell
from validate.deep import sound
from validate.depths import depth_named


def validate(
    model: Any,
    method: Any = "fft",
    *,
    depth: str = OPERATORS,
    point: Mapping[str, int] | None = None,
    working: Callable[[str], None] = lambda _: None,
    **cell: Unpack[Cell[int]],
) -> Measured:
    """Run the real step of a cell and put every number beside its prediction.

    Args:
        model: as `costmodel.estimate`; by name or by a factory's address at every depth but ``operators``, which are
            measured in a process of their own.
        method: as `costmodel.estimate`; by name at those depths.
        depth: what the step is watched by, a name in `validate.depths.DEPTHS`.
        point: sizes by name, as for `costmodel.estimate`; numbers only.
        working: told what runs next.
        **cell: sizes, classes, inputs, aux, options and training, as for `costmodel.estimate`.

    Returns:
        The numbers, predicted and measured; ``equal`` says whether all are, and is ``None`` for an estimate.

    Raises:
        InputError: for bad input, or a real step that fails.
        TraceError, LiftError: as `costmodel.estimate`.
    """
    settings, sizes = split(point, cell, ("depth", "point", "working"))
    check_call("working", working)
    known = depth_named(depth)
    setup = setup_of(model, method, **settings)
    asked, alias = request(setup, sizes), alias_of(model, setup)
    if known.name == OPERATORS:
        return validate_cell(setup, asked, alias, working)
    at = numbers_only(asked, "the real step needs a number")
    told = ModelOptions(**{name: settings[name] for name in options_of(ModelOptions) if name in settings})
    return sound(_sent(model, method, setup, told, at, known.name), alias, working)


def _sent(model: Any, method: Any, setup: Setup, told: ModelOptions, at: Point, depth: str) -> CellSpec:
    """Return a cell by names and numbers, as another process gets it.

    Raises:
        InputError: for a model or a method that is an object.
    """
    for what, given in (("model", model), ("method", method)):
        if not isinstance(given, str):
            raise InputError(
                f"{what} {shown(given)}: depth {depth} measures in a process of its own, which needs it by name"
            )
    return CellSpec(
        model,
        method,
        at.values(),
        told.classes,
        None if told.inputs is None else str(told.inputs),
        told.aux,
        setup.options.given,
        setup.training.given,
        depth,
    )
