"""Remembers what an operator returns on meta tensors, so that each distinct call is worked out once.

torch works out the shapes of a meta call in Python, about 0.2 ms an operator, and a training step repeats itself: the
second step repeats the first, equal layers repeat each other, and the optimizer repeats one recipe for each parameter.
"""

from __future__ import annotations

from typing import Any

import torch

from costmodel.tracing.record import TensorRef, tensors

_MISS = object()


class ShapeMemo:
    """Calls operators on meta tensors, from memory where the same call was seen before.

    A call is remembered only when every result is either one of its own arguments (an in-place operator) or a fresh
    dense storage; views are cheap and are always made by torch.

    Attributes:
        fake: whether the steps that share this memo have to be traced on fake tensors.
    """

    def __init__(self) -> None:
        self.fake = False
        self._recipes: dict[Any, Any] = {}

    def go_fake(self) -> None:
        """From now on, trace on fake tensors: what was remembered was of meta tensors."""
        self.fake = True
        self._recipes.clear()

    def call(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        refs: tuple[tuple[Any, ...], dict[str, Any]],
    ) -> Any:
        """Return what ``func(*args, **kwargs)`` returns; ``refs`` describes the arguments."""
        try:
            key = (func, _signature(refs[0]), _signature(tuple(refs[1].items())))
            recipe = self._recipes.get(key, _MISS)
        except TypeError:  # an argument that cannot be hashed
            return func(*args, **kwargs)
        if recipe is None:
            return func(*args, **kwargs)
        if recipe is not _MISS:
            single, parts = recipe
            made = [_make(part, args) for part in parts]
            return made[0] if single else tuple(made)
        result = func(*args, **kwargs)
        self._recipes[key] = _recipe(result, args) if _plain(args, refs[1]) else None
        return result


def _signature(value: Any) -> Any:
    """Describe an argument without saying which storage it is."""
    if isinstance(value, TensorRef):
        return value[1:5]
    if isinstance(value, tuple):
        return tuple([_signature(item) for item in value])
    # 1, 1.0 and True are equal as keys and are not the same argument.
    return (type(value), value)


def _plain(args: tuple[Any, ...], ref_kwargs: dict[str, Any]) -> bool:
    """Tell whether the tensors of a call are top-level positional meta tensors, at least one of them."""
    positional = [value for value in args if isinstance(value, torch.Tensor)]
    nested = any(isinstance(a, (list, tuple)) and any(isinstance(b, torch.Tensor) for b in a) for a in args)
    return (
        bool(positional)
        and all(tensor.device.type == "meta" for tensor in positional)
        and not nested
        and next(tensors(ref_kwargs), None) is None
    )


def _recipe(result: Any, args: tuple[Any, ...]) -> Any:
    single = isinstance(result, torch.Tensor)
    results = (result,) if single else result
    if not isinstance(results, tuple):
        return None
    parts = [_part(item, args) for item in results]
    fresh = [
        item.untyped_storage()._cdata for item, part in zip(results, parts, strict=True) if part and part[0] == "fresh"
    ]
    if any(part is None for part in parts) or len(set(fresh)) != len(fresh):
        return None
    return single, parts


def _part(item: Any, args: tuple[Any, ...]) -> Any:
    """Describe one result: nothing, an argument, or a fresh dense tensor; ``None`` for anything else."""
    if item is None:
        return ("none",)
    if not isinstance(item, torch.Tensor) or item.device.type != "meta":
        return None
    storage = item.untyped_storage()
    for index, argument in enumerate(args):
        if argument is item:
            return ("argument", index)
        if isinstance(argument, torch.Tensor) and argument.untyped_storage()._cdata == storage._cdata:
            return None
    fresh = ("fresh", tuple(item.shape), item.stride(), item.dtype)
    dense = item.storage_offset() == 0 and _make(fresh, args).untyped_storage().nbytes() == storage.nbytes()
    return fresh if dense else None


def _make(part: Any, args: tuple[Any, ...]) -> Any:
    if part[0] == "argument":
        return args[part[1]]
    if part[0] == "none":
        return None
    return torch.empty_strided(part[1], part[2], dtype=part[3], device="meta")
