"""Where the CPU does something else than torch's shape kernels say: each difference in one place, with its reason."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._pytree import tree_leaves

from costmodel.rules.aten import argument

_READ_VALUE = "aten._local_scalar_dense.default"


def value_read(name: str, phase: str) -> float | None:
    """Return the value that an optimizer reads from a tensor without data, or ``None`` for any other call.

    Adafactor and Adagrad read step counts and norms to scale an update; they do not branch on them, so any positive
    number serves. A model that reads a value in its forward pass cannot be traced.
    """
    return 1.0 if name == _READ_VALUE and phase == "optimizer" else None


_MAKERS = frozenset({"arange", "empty", "full", "ones", "scalar_tensor", "zeros"})
_VALUES_UP_TO = 2**24


def has_values(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether a call on the way of fake tensors is to be computed: token numbers, positions and masks.

    Text models look at their masks (is anything padded?), so tensors that come from numbers alone keep their values as
    long as they are small; those that meet a parameter do not.
    """
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    if given:
        return all(
            not isinstance(t, FakeTensor) and t.device.type == "cpu" and t.numel() <= _VALUES_UP_TO for t in given
        )
    numbers = [leaf for leaf in tree_leaves(args) if isinstance(leaf, (int, float))]
    size = prod(args[0]) if args and isinstance(args[0], (list, tuple)) else max(map(abs, numbers), default=1)
    packet = func._overloadpacket.__name__
    if packet == "rand":
        return size == 1  # peft's adapters draw a number to decide whether a module is dropped
    dtype = kwargs.get("dtype")
    whole = not dtype.is_floating_point if dtype else not any(isinstance(number, float) for number in numbers)
    return packet in _MAKERS and whole and size <= _VALUES_UP_TO


def largest_number(numbers: torch.Tensor) -> int | None:
    """Return the largest of numbers that are looked up in a table, ``None`` where they have no values here.

    The CPU checks that a table has that many rows; shape kernels do not.
    """
    if isinstance(numbers, FakeTensor) or numbers.device.type != "cpu" or not numbers.numel():
        return None
    with unset_fake_temporarily():
        return int(numbers.max())


def as_on_cpu(name: str, args: tuple[Any, ...], result: Any) -> Any:
    """Return the result of a shape kernel as the CPU's kernel would have it."""
    if not isinstance(result, tuple):
        return result
    if args and _is_mask(args[-1], len(result)):
        # Gradients that are not asked for are left out; some shape kernels make them all the same.
        return tuple([item if wanted else None for item, wanted in zip(result, args[-1], strict=True)])
    if name == "aten.native_batch_norm.default":
        return result[0], *(_with_dtype(item, _statistics_dtype(args)) for item in result[1:])
    return result


def _statistics_dtype(args: tuple[Any, ...]) -> torch.dtype:
    """The saved mean and deviation have the type of the weight, in bfloat16 with float32 weights too."""
    x, weight = (argument("native_batch_norm", name, args, {}) for name in ("input", "weight"))
    dtype: torch.dtype = x.dtype if weight is None else weight.dtype
    return dtype


def _with_dtype(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor if tensor.dtype == dtype else torch.empty_like(tensor, dtype=dtype)


def _is_mask(value: Any, length: int) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == length and all(isinstance(item, bool) for item in value)
