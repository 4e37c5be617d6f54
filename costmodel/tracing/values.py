"""Tensors that have their values in a trace: token numbers, positions and masks, which a step looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from math import prod
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._pytree import tree_leaves

from costmodel.cell.tensors import VALUES_UP_TO
from costmodel.errors import TraceError

_MAKERS = frozenset({"arange", "empty", "full", "ones", "scalar_tensor", "zeros"})


def tensors_of(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among the arguments of a call, those in lists too, in order."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_of(value)


def has_values(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[torch.Tensor]) -> bool:
    """Tell whether a call, all of whose tensors have data, is to be computed: token numbers, positions and masks.

    Text models look at their masks (is anything padded?), so tensors that come from numbers alone keep their values as
    long as they are small; those that meet a parameter do not.

    Args:
        func: the operator.
        args: what it is given by position.
        kwargs: what it is given by name.
        given: the tensors among both.
    """
    if given:
        return all(tensor.numel() <= VALUES_UP_TO for tensor in given)
    packet = func._overloadpacket.__name__
    if packet not in _MAKERS and packet != "rand":
        return False
    numbers = [leaf for leaf in tree_leaves(args) if isinstance(leaf, (int, float))]
    size = prod(args[0]) if args and isinstance(args[0], (list, tuple)) else max(map(abs, numbers), default=1)
    if packet == "rand":
        return size == 1  # peft's adapters draw a number to decide whether a module is dropped
    dtype = kwargs.get("dtype")
    whole = not dtype.is_floating_point if dtype else not any(isinstance(number, float) for number in numbers)
    return whole and size <= VALUES_UP_TO


@cache
def _written(func: Any) -> tuple[int | str, ...]:
    """Return which arguments an operator writes to, by place or by name."""
    return tuple(
        str(argument.name) if argument.kwarg_only else place
        for place, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def written_by(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors that a call writes to."""
    for place in _written(func):
        value = kwargs.get(place) if isinstance(place, str) else args[place] if place < len(args) else None
        yield from tensors_of([value])


@cache
def only_views(func: Any) -> bool:
    """Tell whether all that an operator returns are other views of its arguments."""
    returns = func._schema.returns
    return bool(returns) and all(value.alias_info is not None and not value.alias_info.is_write for value in returns)


def dense_parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors that hold a tensor's elements: itself, or the values and indices of a sparse one."""
    if tensor.layout is torch.strided:
        return [tensor]
    if tensor.layout is not torch.sparse_coo:
        raise TraceError(f"a tensor of layout {tensor.layout}: expected a dense one, or torch.sparse_coo")
    with torch._C._DisableTorchDispatch():
        return [tensor._values(), tensor._indices()]


def is_real(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor has data."""
    return not isinstance(tensor, FakeTensor) and tensor.device.type == "cpu"


def largest_number(numbers: torch.Tensor) -> int | None:
    """Return the largest of numbers that are looked up in a table, ``None`` where they have no values here.

    The CPU checks that a table has that many rows; shape kernels do not.
    """
    if not is_real(numbers) or not numbers.numel():
        return None
    with unset_fake_temporarily():
        return int(numbers.max())
