"""What a user asks for: for each axis a number, or a name that keeps it symbolic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from costmodel.cell.axes import AXIS, RESERVED, RESOLUTION, SIZE_NAME, SIZES, Value, read, spelled
from costmodel.cell.inputs import ANY_SIDES
from costmodel.cell.setup import Setup
from costmodel.contract import AXES, DEFAULTS, SIDES, Point
from costmodel.errors import InputError
from costmodel.methods import check_rank_allowed


class Request(NamedTuple):
    """A point, some of whose axes may be names.

    Attributes:
        values: number or name of each axis that the cell has.
        general: a number for each axis, to stand for the general case where it is symbolic.
    """

    values: Mapping[str, Value]
    general: Mapping[str, int]

    @property
    def numbers(self) -> dict[str, int]:
        """The axes that have a number."""
        return {axis: value for axis, value in self.values.items() if isinstance(value, int)}

    @property
    def names(self) -> dict[str, str]:
        """The axes that stay symbolic, with the name asked for."""
        return {axis: value for axis, value in self.values.items() if isinstance(value, str)}

    def representative(self) -> Point:
        """Return a point in the region that is asked for: symbolic axes stand for their general case."""
        chosen = {axis: self.general[axis] if isinstance(value, str) else value for axis, value in self.values.items()}
        return Point.of(chosen)


def request(setup: Setup, *points: Mapping[str, object], **sizes: object) -> Request:
    """Check what was asked for and fill in the defaults.

    Args:
        setup: the cell.
        points: sizes by the words of `costmodel.cell.axes.Sizes`.
        sizes: the same, as keywords.

    Raises:
        InputError: for a word that is no size, an axis that is given twice, a value that is neither a positive integer
            nor a usable name, a size that the model does not have or take, a rank where the method has none, or one
            name for two axes.
    """
    method, inputs = setup.method, setup.subject.inputs
    asked = spelled(*points, sizes)
    check_rank_allowed(method, asked.get("rank"))
    given = {option: read(option, raw) for option, raw in asked.items()}
    square = RESOLUTION.option in given
    by_axis = {letter: value for option, value in given.items() for letter in SIZES[option].letters}
    for option in given:
        for letter in SIZES[option].letters:
            if letter in SIDES and letter not in inputs.axes:
                raise InputError(f"--{option}: {setup.subject.name} takes {inputs}, which has no {letter}")
    own = {"N": DEFAULTS["N"], **inputs.defaults, "r": method.rank}
    values = {axis: value for axis in ("N", *inputs.axes, "r") if (value := by_axis.get(axis, own[axis])) is not None}
    _check_names(values, square)
    _check_lattice(values, setup)
    return Request(values, {"N": 2, **inputs.defaults, "r": max(method.rank or 1, 2)})


def request_at(setup: Setup, point: Mapping[str, Value]) -> Request:
    """Check a point given by its axes.

    Raises:
        InputError: as `request`.
    """
    if "H" in point and point["H"] == point.get("W"):  # one name may stand for both sides
        others = {axis: value for axis, value in point.items() if axis not in RESOLUTION.letters}
        point = {RESOLUTION.option: point["H"], **others}
    return request(setup, point)


def _check_lattice(values: Mapping[str, Value], setup: Setup) -> None:
    lattice, name = setup.subject.lattice, setup.subject.name
    if lattice != ANY_SIDES and not {"H", "W"} <= values.keys():
        raise InputError(f"--input {setup.subject.inputs}: {name} takes images, expected H and W among the sizes")
    height, width = values.get("H"), values.get("W")
    if lattice.square and height != width:
        raise InputError(f"{height}x{width}: {name} takes square images; give one side for both with --resolution")
    if lattice.only and {height, width} != {lattice.only}:
        raise InputError(f"{height}x{width}: {name} takes {lattice.only}x{lattice.only} only")
    for side in (height, width):
        if isinstance(side, int) and side % lattice.multiple:
            below = side // lattice.multiple * lattice.multiple
            near = " or ".join(str(value) for value in (below, below + lattice.multiple) if value)
            raise InputError(f"side {side}: {name} takes multiples of {lattice.multiple}, such as {near}")


def numbers_only(asked: Request, why: str) -> Point:
    """Return the point asked for.

    Raises:
        InputError: when an axis was given a name.
    """
    for axis, name in asked.names.items():
        raise InputError(f"{AXIS[axis].flag} {name}: {why}, give a positive integer")
    return asked.representative()


def _check_names(values: Mapping[str, Value], square: bool) -> None:
    taken: dict[str, str] = {}
    axes = [axis for axis in AXES if axis != "S" or axis in values]  # S is free for models without tokens
    for axis, name in values.items():
        if not isinstance(name, str):
            continue
        flag = AXIS[axis].flag
        if name in RESERVED or re.fullmatch(SIZE_NAME, name) or (name in axes and name != axis and not square):
            raise InputError(f"{flag} {name}: this name has a meaning in formulas; choose another, such as {axis}")
        other = taken.get(name.lower())  # sizes are named by the lower case of their axis
        if other and not (square and axis == "W"):
            raise InputError(f"{flag} {name}: the name already stands for {other}; choose another, such as {axis}")
        taken[name.lower()] = flag
