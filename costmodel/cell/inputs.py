"""What a model takes: shape, dtype and name of each input tensor, sizes as numbers or symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from costmodel.contract import DEFAULTS, SIDES, Point
from costmodel.errors import InputError

DTYPES = ("float32", "bfloat16", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
"""Element types that an input may have."""

FLOATING = ("float32", "bfloat16", "float16", "float64")
"""Those that hold pixels; the others hold numbers that stand for something."""

_ENTRY = r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<dims>[0-9A-Zx]+)(?::(?P<dtype>\w+))?"
_EXAMPLES = "3x96x96, 3xHxW, 3x16xHxW, N, S:int64 or input_ids=S:int64,attention_mask=S:int64"
ALONE = "N"
"""What is written for a tensor that has the batch alone as its extent: one number a sample."""


class TensorSpec(NamedTuple):
    """One input tensor.

    Attributes:
        dims: extents after the batch: numbers, or ``"H"``, ``"W"``, ``"S"``.
        dtype: torch's name of the element type.
        name: keyword it is passed by; ``None`` for a positional argument.
    """

    dims: tuple[int | str, ...]
    dtype: str = "float32"
    name: str | None = None

    def shape(self, point: Point) -> tuple[int, ...]:
        """Return the shape at a point, batch first."""
        sizes = point.values()
        return (point.N, *(sizes[dim] if isinstance(dim, str) else dim for dim in self.dims))

    def __str__(self) -> str:
        named = f"{self.name}=" if self.name else ""
        dtype = "" if self.dtype == "float32" else f":{self.dtype}"
        return f"{named}{'x'.join(map(str, self.dims)) or ALONE}{dtype}"


class Lattice(NamedTuple):
    """Which heights and widths a model takes.

    Attributes:
        multiple: both sides are multiples of it.
        square: whether they have to be equal.
        only: the one side it takes, where its builder lets no other be chosen.
    """

    multiple: int = 1
    square: bool = False
    only: int | None = None


ANY_SIDES = Lattice()


@dataclass(frozen=True, slots=True)
class InputSpec:
    """All input tensors of a model, each with the batch as its first extent.

    Attributes:
        tensors: in the order they are passed.
        defaults: sizes to use where none is asked for; 224 pixels a side and 128 tokens where left out.
    """

    tensors: tuple[TensorSpec, ...]
    defaults: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        defaults = {axis: self.defaults.get(axis, DEFAULTS[axis]) for axis in self.axes}
        object.__setattr__(self, "defaults", defaults)

    @property
    def axes(self) -> tuple[str, ...]:
        """The sides that occur: of ``H``, ``W``, ``S``."""
        used = {dim for tensor in self.tensors for dim in tensor.dims}
        return tuple(axis for axis in SIDES if axis in used)

    def __str__(self) -> str:
        return ",".join(map(str, self.tensors))


IMAGES = InputSpec((TensorSpec((3, "H", "W")),))
"""RGB images of shape (N, 3, H, W), 224 pixels a side by default."""


def parse(text: str) -> InputSpec:
    """Read an input specification such as ``3x96x96`` or ``input_ids=S:int64``.

    One entry for each tensor, separated by commas: ``[name=]dims[:dtype]``. The batch is not written, but as ``N``
    where there is nothing else: one number a sample. In a single entry of three or four numbers the last two become
    the default height and width; all other numbers are fixed.

    Raises:
        InputError: for anything else.
    """
    entries = text.replace(" ", "").split(",")
    tensors = []
    defaults: dict[str, int] = {}
    for entry in entries:
        match = re.fullmatch(_ENTRY, entry)
        dtype = (match and match["dtype"]) or "float32"
        if not match or dtype not in DTYPES:
            raise InputError(
                f"--input {entry}: expected [name=]sizes[:dtype] such as {_EXAMPLES}; dtypes: {', '.join(DTYPES)}"
            )
        dims: list[int | str] = []
        for dim in match["dims"].split("x") if match["dims"] != ALONE else ():
            if dim in SIDES:
                dims.append(dim)
            elif dim.isdigit() and 0 < int(dim) < 2**31:
                dims.append(int(dim))
            else:
                raise InputError(f"--input {entry}: the size '{dim}' is neither a positive integer nor one of H, W, S")
        if len(dims) in (3, 4) and all(isinstance(dim, int) for dim in dims) and len(entries) == 1:
            for axis, side in zip("HW", dims[-2:], strict=True):
                defaults[axis] = int(side)
            dims[-2:] = ["H", "W"]
        tensors.append(TensorSpec(tuple(dims), dtype, match["name"]))
    return InputSpec(tuple(tensors), defaults)
