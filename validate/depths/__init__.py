"""The depths of a measurement: what the real step is watched by, and whether its numbers can be equal at all."""

from __future__ import annotations

from costmodel.errors import InputError, shown
from costmodel.options import Name
from validate.depths import allocator, clock, cuda, operators, process
from validate.depths.base import Depth, Numbers

__all__ = ["DEPTHS", "Depth", "Numbers", "depth_named", "register"]

DEPTHS: dict[str, Depth] = {file.DEPTH.name: file.DEPTH for file in (operators, allocator, cuda, process, clock)}
"""The depths by name, one file each."""

_NAME = Name("depth", DEPTHS)


def depth_named(name: str) -> Depth:
    """Return the depth of a name.

    Raises:
        InputError: for a name that is not known.
    """
    return DEPTHS[_NAME.check(f"depth {shown(name)}", name)]


def register(depth: Depth) -> None:
    """Add a depth of the caller's own, in this process and in those that measure for it, here or on a cluster.

    Args:
        depth: an instance of a class of an importable module: a process that measures imports it. The workers of a
            cluster need the package that has it.

    Raises:
        InputError: for a name that is taken.
    """
    if depth.name in DEPTHS:
        raise InputError(f"depth '{depth.name}' is there already: expected a name other than {', '.join(DEPTHS)}")
    DEPTHS[depth.name] = depth
