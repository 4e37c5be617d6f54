"""All tensors of a module replaced at once, wherever it keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import is_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

VALUES_UP_TO = 2**24
"""Elements up to which a tensor of numbers keeps its values where no data is kept."""


def replace_tensors(model: nn.Module, replacement: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Replace the parameters and buffers of a module in place, in lists and other attributes of its own too.

    Args:
        model: the module.
        replacement: returns what takes the place of a tensor, itself where nothing does; asked once for each.
    """
    made: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def new(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = tensor, replacement(tensor)
        return made[id(tensor)][1]

    for module in model.modules():
        for members in (module._parameters, module._buffers):
            for name, tensor in members.items():
                if tensor is not None:
                    members[name] = new(tensor)  # type: ignore[assignment]  # a parameter's place gets a parameter
    for module in model.modules():
        for name, value in vars(module).items():
            if name not in _TORCHS and (changed := _within(value, made)) is not value:
                vars(module)[name] = changed


def _within(value: Any, made: Mapping[int, tuple[torch.Tensor, torch.Tensor]]) -> Any:
    """Return a value with what was replaced in it replaced; itself where nothing was."""
    import torch

    if isinstance(value, torch.Tensor):
        return made[id(value)][1] if id(value) in made else value
    if type(value) in (list, tuple):
        changed = [_within(item, made) for item in value]
        return value if all(map(is_, changed, value)) else type(value)(changed)
    if type(value) is dict:
        items = {key: _within(item, made) for key, item in value.items()}
        return value if all(map(is_, items.values(), value.values())) else items
    return value


_TORCHS = frozenset({"_parameters", "_buffers", "_modules"})


def emptied(model: nn.Module) -> nn.Module:
    """Take the data of a module's tensors away: they go to the meta device, and what shares a storage goes on doing so.

    Numbers that are no floats keep their values as long as they are few: a step may look at them.
    """
    replace_tensors(model, Emptied())
    return model


class Emptied:
    """Makes, for each tensor, one on the meta device that views a storage without data as it views its own."""

    def __init__(self) -> None:
        self._storages: dict[int, tuple[Any, Any]] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor without data; itself where it has none already, or keeps it."""
        from torch import nn
        from torch.nn.parameter import is_lazy

        if is_lazy(tensor):
            return type(tensor)(device="meta", dtype=tensor.dtype)  # type: ignore[call-arg]  # it has no shape yet
        if tensor.device.type == "meta" or keeps_values(tensor):
            return tensor
        empty = self._view(tensor)
        return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty

    def _view(self, tensor: torch.Tensor) -> torch.Tensor:
        import torch

        own = tensor.untyped_storage()
        key = own._cdata
        if key not in self._storages:  # the storage is kept, so that no other can have its number
            self._storages[key] = own, torch.UntypedStorage(own.nbytes(), device="meta")
        empty = torch.empty(0, dtype=tensor.dtype, device="meta")
        return empty.set_(self._storages[key][1], tensor.storage_offset(), tensor.shape, tensor.stride())


def keeps_values(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor keeps its values where no data is kept: numbers that are no floats, and lone floats.

    A lone float that is no parameter may be a mark of something, as an observer's largest value so far is.
    """
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor.numel() <= 1 and not tensor.requires_grad
    return tensor.numel() <= VALUES_UP_TO
