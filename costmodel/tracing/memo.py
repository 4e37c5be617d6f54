"""Remembers what an operator returns on tensors without data, so that each distinct call is worked out once.

torch works out the shapes of a call in Python, about 0.2 ms an operator, and a training step repeats itself: the second
step repeats the first, equal layers repeat each other, and the optimizer repeats one recipe for each parameter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensor

from costmodel.tracing.cpu import on_the_cpu
from costmodel.tracing.fakes import Fakes
from costmodel.tracing.record import TensorRef, tensors
from costmodel.tracing.values import is_real, written_by

_MISS = object()


class ShapeMemo:
    """Calls operators on fake tensors, from memory where the same call was seen before.

    A call is remembered when each of its results is one of its own arguments (an operator in place), a view of one, or
    a fresh storage, and when it changes the shape of none.

    Attributes:
        fakes: makes the tensors without data.
    """

    def __init__(self) -> None:
        self.fakes = Fakes()
        self._recipes: dict[Any, _Recipe | None] = {}

    def call(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        refs: tuple[tuple[Any, ...], dict[str, Any]],
        given: list[torch.Tensor],
    ) -> Any:
        """Return what ``func(*args, **kwargs)`` returns on the CPU.

        Args:
            func: the operator.
            args: what it is given by position.
            kwargs: what it is given by name.
            refs: descriptions of both.
            given: the tensors among both, in their order.
        """
        seen = list(tensors(refs))
        try:
            key = (func, _signature(refs[0]), _signature(tuple(refs[1].items())), _shared(seen), _with_data(given))
            recipe = self._recipes.get(key, _MISS)
        except TypeError:  # an argument that cannot be hashed
            return self._called(func, args, kwargs, given)
        if recipe is None or not all(map(_plain, given)):
            return self._called(func, args, kwargs, given)
        if recipe is not _MISS:
            return self._made(recipe, given)  # type: ignore[arg-type]  # neither None nor the mark of a miss
        result = self._called(func, args, kwargs, given)
        self._recipes[key] = _recipe(result, given) if _unchanged(given, seen) else None
        return result

    def _called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[torch.Tensor]) -> Any:
        result = on_the_cpu(self.fakes, func, args, kwargs, given)
        # A tensor with data is written to through a copy without: what torch returns then is the copy.
        target = next(written_by(func, args, kwargs), None)
        return target if target is not None and is_real(target) and isinstance(result, torch.Tensor) else result

    def _made(self, recipe: _Recipe, given: list[torch.Tensor]) -> Any:
        kind, parts = recipe
        made = [part.make(self.fakes, given) for part in parts]
        return made[0] if kind is None else kind(made)


def _plain(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is dense, and torch remembers no values of it: an operator may have to forget them."""
    return tensor.layout is torch.strided and getattr(tensor, "constant", None) is None


def _signature(value: Any) -> Any:
    """Describe an argument without saying which storage it is."""
    if isinstance(value, TensorRef):
        return value[1:5]
    if isinstance(value, tuple):
        return tuple([_signature(item) for item in value])
    # 1, 1.0 and True are equal as keys and are not the same argument.
    return (type(value), value)


def _shared(seen: list[TensorRef]) -> tuple[int, ...]:
    """Say which of the tensors are on one storage: for each the first on its own; empty where none share one."""
    storages = [ref.storage for ref in seen]
    return () if len({*storages}) == len(storages) else tuple([storages.index(storage) for storage in storages])


def _with_data(given: list[torch.Tensor]) -> tuple[bool, ...]:
    """Say which tensors have data; empty where none has."""
    real = tuple(map(is_real, given))
    return real if any(real) else ()


def _unchanged(given: list[torch.Tensor], seen: list[TensorRef]) -> bool:
    """Tell whether an operator has left the shapes of its arguments as they were."""
    return all(
        (tensor.shape, tensor.stride(), tensor.storage_offset()) == (ref.shape, ref.stride, ref.offset)
        for tensor, ref in zip(given, seen, strict=True)
    )


class _Nothing(NamedTuple):
    """No tensor: a gradient that was not asked for."""

    def make(self, _fakes: Fakes, _given: list[torch.Tensor]) -> None:
        return None


class _Argument(NamedTuple):
    """An argument itself, as of an operator in place."""

    place: int

    def make(self, _fakes: Fakes, given: list[torch.Tensor]) -> torch.Tensor:
        return given[self.place]


class _View(NamedTuple):
    """A view of an argument's storage."""

    place: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype

    def make(self, fakes: Fakes, given: list[torch.Tensor]) -> torch.Tensor:
        return fakes.on(given[self.place].untyped_storage(), self.shape, self.stride, self.offset, self.dtype)


class _Fresh(NamedTuple):
    """A tensor on a storage of its own."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    nbytes: int

    def make(self, fakes: Fakes, _given: list[torch.Tensor]) -> torch.Tensor:
        return fakes.fresh(self.shape, self.stride, self.dtype, self.nbytes)


_Part = _Nothing | _Argument | _View | _Fresh
_Recipe = tuple[Any, tuple[_Part, ...]]


def _recipe(result: Any, given: list[torch.Tensor]) -> _Recipe | None:
    single = isinstance(result, torch.Tensor)
    results = (result,) if single else result
    if type(results) not in (tuple, list):
        return None
    parts = [_part(item, given) for item in results]
    if None in parts:
        return None
    fresh = [item.untyped_storage()._cdata for item in results if isinstance(item, torch.Tensor)]
    own = [key for key in fresh if key not in {tensor.untyped_storage()._cdata for tensor in given}]
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len({*own}) != len(own):
        return None
    return None if single else type(results), tuple(known)


def _part(item: Any, given: list[torch.Tensor]) -> _Part | None:
    """Describe one result; ``None`` for what cannot be made again."""
    if item is None:
        return _Nothing()
    if not isinstance(item, FakeTensor):
        index = next((place for place, tensor in enumerate(given) if tensor is item), None)
        return None if index is None else _Argument(index)
    if not _plain(item) or item.is_conj() or item.is_neg() or item._is_zerotensor():
        return None
    storage = item.untyped_storage()
    view = tuple(item.shape), item.stride(), int(item.storage_offset()), item.dtype
    for place, tensor in enumerate(given):
        if tensor is item:
            return _Argument(place)
        if tensor.untyped_storage()._cdata == storage._cdata:
            return _View(place, *view)
    return None if view[2] else _Fresh(*view, storage.nbytes())
