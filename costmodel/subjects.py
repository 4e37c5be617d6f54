"""What is costed: a model by name, or an ``nn.Module`` of the caller's, rebuilt on the meta device or the CPU."""

from __future__ import annotations

import copy
import importlib.resources
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from costmodel.contract import DEFAULT_CLASSES
from costmodel.errors import unknown

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to cost.

    Attributes:
        name: the model's name, aliases resolved.
        classes: outputs of the head.
        build: makes a fresh model on the given device (``"meta"`` or ``"cpu"``), in train mode.
        cacheable: whether ``name`` and ``classes`` say all there is about the model.
    """

    name: str
    classes: int | None
    build: Callable[[str], nn.Module]
    cacheable: bool = True


@cache
def model_table() -> dict[str, dict[str, Any]]:
    """Return the models known by name: ``{name: {"builder": ..., "about": ...}}`` from ``specs/models.json``."""
    text = importlib.resources.files("specs").joinpath("models.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)["models"]
    return table


def resolve(name: str) -> str:
    """Return the model that a name or alias stands for.

    Raises:
        InputError: for a name that is not known, with the nearest ones.
    """
    table = model_table()
    if name not in table:
        raise unknown("model", name, table)
    resolved: str = table[name].get("alias_of", name)
    return resolved


def named(name: str, classes: int = DEFAULT_CLASSES) -> Subject:
    """Return the torchvision model of that name or alias, without weights.

    Raises:
        InputError: for a name that is not known.
    """
    resolved = resolve(name)

    def build(device: str) -> nn.Module:
        import torch

        from costmodel.compat import torchvision_models

        with torch.device(device):
            model: nn.Module = torchvision_models().get_model(resolved, weights=None, num_classes=classes)
        return model.train()

    return Subject(resolved, classes, build)


def given(model: nn.Module) -> Subject:
    """Return a subject for the caller's own module, which is copied and never changed.

    Only shapes are copied for a meta build: parameters and buffers of the copy hold no data.
    """

    def build(device: str) -> nn.Module:
        import torch

        memo: dict[int, Any] = {}
        storages: dict[int, torch.UntypedStorage] = {}

        def without_data(tensor: torch.Tensor) -> torch.Tensor:
            """Copy the view of a tensor onto a meta storage of the same size, one for each storage."""
            own = tensor.untyped_storage()
            storage = storages.setdefault(own._cdata, torch.UntypedStorage(own.nbytes(), device="meta"))
            empty = torch.empty(0, dtype=tensor.dtype, device="meta")
            return empty.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())

        if device == "meta":
            for parameter in model.parameters():
                memo[id(parameter)] = torch.nn.Parameter(without_data(parameter), requires_grad=parameter.requires_grad)
            for buffer in model.buffers():
                memo[id(buffer)] = without_data(buffer)
        return copy.deepcopy(model, memo).to(device).train()

    return Subject(type(model).__name__, None, build, cacheable=False)
