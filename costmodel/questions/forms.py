"""The closed forms of cells, for every region where what is asked for has one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from costmodel.cell.axes import AXIS, RESOLUTION, SIZES
from costmodel.cell.request import Request, request
from costmodel.cell.setup import Setup
from costmodel.contract import SIDES
from costmodel.errors import CostModelError
from costmodel.output.export import ClosedForms
from costmodel.questions.estimate import answer
from costmodel.sources.partition import formulas
from costmodel.sources.source import Source

BATCH, RANK = AXIS["N"], AXIS["r"]


def closed_forms(
    setup: Setup,
    sizes: Mapping[str, Any],
    alias: str | None = None,
    command: str = "",
    tracing: Callable[[], None] = lambda: None,
) -> ClosedForms:
    """Return the closed forms of a cell; sizes that are left out stay symbolic, as far as the model leaves a choice.

    Args:
        setup: the cell.
        sizes: numbers and names by option; a rank is told to a method that has one.
        alias: the name that the model was asked for by, where it is another.
        command: the command line that asks for them.
        tracing: called once for each region that has to be traced, before that starts.

    Raises:
        InputError: for bad input.
        TraceError, LiftError: where there is no closed form.
    """
    source = Source(setup)
    sizes = {option: value for option, value in sizes.items() if option != RANK.option or setup.method.ranked}

    def closed(asked: Request) -> ClosedForms:
        first = answer(source, asked, alias, tracing)
        name = f"{setup.subject.name} {setup.method.name}"
        return ClosedForms(name, formulas(source, asked, tracing), first.title, first.versions, command)

    *wider, narrowest = _requests(setup, sizes)
    for asked in wider:
        with suppress(CostModelError):
            return closed(asked)
    return closed(narrowest)


def _requests(setup: Setup, sizes: Mapping[str, Any]) -> Iterator[Request]:
    """Yield what is asked for: every size symbolic that is left out, else the sides that the model has by default."""
    left = {axis.option: axis.example for axis in (BATCH, *[RANK] * setup.method.ranked)}
    asked = {**left, **sizes}
    if symbols := _sides(setup, sizes):
        yield request(setup, {**asked, **symbols})
    if not symbols or not {AXIS[axis].option for axis in SIDES} & sizes.keys():
        yield request(setup, asked)


def _sides(setup: Setup, sizes: Mapping[str, Any]) -> dict[str, str]:
    """Name the sides that are left out, as far as the model leaves a choice."""
    axes, lattice = setup.subject.inputs.axes, setup.subject.lattice
    options = {axis: AXIS[axis].option for axis in axes}
    if lattice.only or RESOLUTION.option in sizes:
        return {}
    if lattice.square:
        return {} if {*options.values()} & sizes.keys() else {RESOLUTION.option: "H"}
    return {option: axis for axis, option in options.items() if option not in sizes}


def command_line(
    models: Sequence[str],
    methods: Sequence[str],
    sizes: Mapping[str, Any],
    told: Sequence[str],
    quantity: str = "all",
    form: str = "text",
) -> str:
    """Write the command line that asks for the same, without where to write it.

    Args:
        models: by name, as asked for.
        methods: likewise; the contract's five where there is none.
        sizes: numbers and names by option, as asked for.
        told: what else the cells are told, as on the command line.
        quantity: which numbers.
        form: how they are written.
    """
    words = ["costmodel", "formula", *models]
    for name in methods:
        words += ["--method", name]
    for option, axis in SIZES.items():
        if option in sizes and (option, sizes[option]) != (BATCH.option, BATCH.example):
            words += [axis.flag, str(sizes[option])]
    words += told
    words += ["--format", form] if form != "text" else []
    words += ["--quantity", quantity] if quantity != "all" else []
    return shlex.join(words)
