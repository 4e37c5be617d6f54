"""Methods without adapters: they choose which of the model's own parameters are trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from costmodel.errors import InputError
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn

HEAD_NAMES = ("classifier", "fc", "head", "heads")


def head_name(model: nn.Module, wanted_by: str) -> str:
    """Return the name of the model's head: the first of `HEAD_NAMES` that it has.

    Raises:
        InputError: when it has none of them.
    """
    from torch import nn

    for name in HEAD_NAMES:
        if isinstance(getattr(model, name, None), nn.Module):
            return name
    raise InputError(f"{wanted_by} needs a head: {type(model).__name__} has none of {', '.join(HEAD_NAMES)}")


def everything(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train every parameter: nothing to change."""
    return model


def _head(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train the head; BatchNorm layers stay in train mode, so their statistics still update."""
    head: nn.Module = getattr(model, head_name(model, "bn_head"))
    model.requires_grad_(False)
    head.requires_grad_(True)
    return model


def _biases(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train every parameter called ``bias``, or ending in ``_bias`` as a fused attention's does."""
    chosen = (p for name, p in model.named_parameters() if name.rpartition(".")[2].endswith("bias"))
    return _only(model, chosen, "bitfit", "biases")


def _batch_norm(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train the scale and shift of every BatchNorm layer."""
    from torch.nn.modules.batchnorm import _BatchNorm

    chosen = (p for module in model.modules() if isinstance(module, _BatchNorm) for p in module.parameters())
    return _only(model, chosen, "bn_only", "BatchNorm layers")


def _only(model: nn.Module, chosen: Iterable[nn.Parameter], method: str, what: str) -> nn.Module:
    parameters = list(chosen)
    if not parameters:
        raise InputError(f"{method} trains {what}: {type(model).__name__} has none")
    model.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return model


METHODS = (
    Method("fft", "every parameter", "torch.optim.AdamW", everything),
    Method(
        "bn_head", "the head; BatchNorm statistics in the forward pass", "torch.optim.AdamW, all else frozen", _head
    ),
    Method("bitfit", "the biases", "torch.optim.AdamW, all else frozen", _biases),
    Method("bn_only", "BatchNorm's scales and shifts", "torch.optim.AdamW, all else frozen", _batch_norm),
)
