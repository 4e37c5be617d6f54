"""Methods without adapters: full fine-tuning, and the head alone."""

from __future__ import annotations

from torch import nn, optim

from costmodel.errors import InputError

HEAD_NAMES = ("classifier", "fc", "head", "heads")


def adapt(model: nn.Module, name: str, rank: int | None) -> nn.Module:
    """Freeze what the method does not train. ``bn_head`` keeps the head, and BatchNorm layers stay in train mode.

    Raises:
        InputError: when ``bn_head`` meets a model with none of the four head names.
    """
    if name == "bn_head":
        head = next((getattr(model, attribute) for attribute in HEAD_NAMES if hasattr(model, attribute)), None)
        if not isinstance(head, nn.Module):
            raise InputError(f"bn_head needs a head: {type(model).__name__} has none of {', '.join(HEAD_NAMES)}")
        model.requires_grad_(False)
        head.requires_grad_(True)
    return model


def optimizer(model: nn.Module, rank: int | None) -> optim.Optimizer:
    """AdamW over the trainable parameters, torch's defaults."""
    return optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad])
