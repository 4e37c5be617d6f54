"""The scales and shifts of BatchNorm alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.methods.freezing import FROZEN, only
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn


def _batch_norm(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train the scale and shift of every BatchNorm layer."""
    from torch.nn.modules.batchnorm import _BatchNorm

    chosen = (p for module in model.modules() if isinstance(module, _BatchNorm) for p in module.parameters())
    return only(model, chosen, "bn_only", "BatchNorm layers")


METHOD = Method("bn_only", "BatchNorm's scales and shifts", FROZEN, _batch_norm, look=6)
