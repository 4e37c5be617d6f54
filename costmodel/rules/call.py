"""An operator call as a rule sees it: shapes whose extents are integers or polynomials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from costmodel.algebra.polynomial import Polynomial
from costmodel.rules.aten import argument

Extent = int | Polynomial

Cost = dict[str, Extent]
"""FLOPs by kind: ``matmul``, ``svd``, ``other``."""


def product(values: Iterable[Extent]) -> Extent:
    """Multiply extents."""
    result: Extent = 1
    for value in values:
        result = result * value
    return result


def whole(flops: Extent) -> int:
    """Return FLOPs that were counted on integers, where no symbol can be in them."""
    assert isinstance(flops, int), "integers in, integers out"
    return flops


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape of a tensor argument, and whether it requires grad."""

    dims: tuple[Extent, ...]
    requires_grad: bool = False

    @property
    def numel(self) -> Extent:
        """Number of elements."""
        return product(self.dims)


@dataclass(frozen=True, slots=True)
class Call:
    """One operator call.

    Attributes:
        packet: the operator's name without overload: ``convolution``; with its namespace where that is not ``aten``.
        args, kwargs: as dispatched, tensors replaced by their shapes; rules read them by name, see `arg`.
        outputs: the tensors returned; ``None`` where a gradient was not asked for.
    """

    packet: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Tensor | None, ...]

    def arg(self, name: str) -> Any:
        """Return an argument by its name in the operator's schema, or its default where the call leaves it out."""
        return argument(self.packet, name, self.args, self.kwargs)

    def tensor(self, name: str) -> Tensor:
        """Return a tensor argument by its name."""
        value = self.arg(name)
        assert isinstance(value, Tensor), name
        return value

    @property
    def first(self) -> Tensor:
        """The first tensor argument."""
        return next(value for value in self.args if isinstance(value, Tensor))

    @property
    def out(self) -> Tensor:
        """The first tensor returned."""
        return next(value for value in self.outputs if value is not None)
