"""The samples of torch's operator database, each at several sizes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

SCALES = (1, 2, 3)
"""Each sample's sizes are taken so many times."""

LARGEST = 2**20
"""Elements of a sample's tensors up to which its sizes are taken several times."""

DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex64)
"""The first of these that an operator takes is the one that its samples have."""


@dataclass(frozen=True)
class Sample:
    """One call of an operator.

    Attributes:
        call: what is called with `args` and `kwargs`.
        place: its number among the operator's samples, and the scale of its sizes.
    """

    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: tuple[int, int]


def entries() -> list[Any]:
    """Return the entries of torch's operator database, by name and variant."""
    from torch.testing._internal.common_methods_invocations import op_db

    return sorted(op_db, key=name_of)


def name_of(entry: Any) -> str:
    """Return the name of an entry, with its variant where it has several."""
    return f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else str(entry.name)


def dtype_of(entry: Any) -> torch.dtype | None:
    """Return the element type of an entry's samples, ``None`` where it takes none of `DTYPES`."""
    return next((dtype for dtype in DTYPES if dtype in entry.dtypes), None)


def samples(entry: Any, scales: tuple[int, ...] = SCALES) -> Iterator[Sample]:
    """Yield the samples of an entry, each at every scale, with numbers that are the same in every run."""
    dtype = dtype_of(entry)
    if dtype is None:
        return
    torch.manual_seed(0)
    random.seed(0)
    for number, found in enumerate(entry.sample_inputs("cpu", dtype, requires_grad=False)):
        given = tree_leaves((found.input, found.args, found.kwargs))
        tensors = [leaf for leaf in given if isinstance(leaf, torch.Tensor)]
        for scale in scales:
            if scale > 1 and any(tensor.numel() * scale ** tensor.dim() > LARGEST for tensor in tensors):
                continue
            larger = partial(_larger, scale=scale)
            args, kwargs = tree_map_only(torch.Tensor, larger, ((found.input, *found.args), found.kwargs))
            yield Sample(entry.op, args, kwargs, (number, scale))


def _larger(tensor: torch.Tensor, scale: int) -> torch.Tensor:
    """Repeat a tensor along each of its dims, with the order of its strides."""
    if scale == 1 or tensor.layout != torch.strided:
        return tensor
    repeated = tensor.repeat([scale] * tensor.dim())
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return repeated.permute(order).contiguous().permute([order.index(dim) for dim in range(tensor.dim())])
