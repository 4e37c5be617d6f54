"""An operator call as a rule sees it: shapes whose extents are integers or polynomials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from costmodel.algebra.polynomial import Polynomial

Extent = int | Polynomial


def product(values: Iterable[Extent]) -> Extent:
    """Multiply extents."""
    result: Extent = 1
    for value in values:
        result = result * value
    return result


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape of a tensor argument, and whether it requires grad."""

    dims: tuple[Extent, ...]
    requires_grad: bool = False

    @property
    def numel(self) -> Extent:
        """Number of elements."""
        return product(self.dims)


def dims(tensor: Tensor) -> tuple[Extent, ...]:
    """Return the extents of a tensor argument."""
    return tensor.dims


@dataclass(frozen=True, slots=True)
class Call:
    """One operator call: ``packet`` is the operator's name without namespace and overload."""

    packet: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Tensor | None, ...]

    @property
    def first(self) -> Tensor:
        """The first tensor argument."""
        return next(value for value in self.args if isinstance(value, Tensor))

    @property
    def out(self) -> Tensor:
        """The first tensor returned."""
        return next(value for value in self.outputs if value is not None)
