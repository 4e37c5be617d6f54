"""The head alone, while BatchNorm statistics still update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.methods.freezing import FROZEN
from costmodel.methods.heads import head_name
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn


def _head(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train the head; BatchNorm layers stay in train mode, so their statistics still update."""
    head: nn.Module = getattr(model, head_name(model, "bn_head"))
    model.requires_grad_(False)
    head.requires_grad_(True)
    return model


METHOD = Method("bn_head", "the head; BatchNorm statistics in the forward pass", FROZEN, _head, look=1)
