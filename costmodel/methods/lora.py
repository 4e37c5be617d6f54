"""LoRA and DoRA through the real peft package."""

from __future__ import annotations

import re

from torch import nn

from costmodel.compat import careful_imports
from costmodel.methods.plain import optimizer

__all__ = ["adapt", "optimizer", "targets"]


def targets(model: nn.Module) -> list[str]:
    """Name the layers that get an adapter: every Linear and every Conv2d with one group, in module order.

    An attention's ``out_proj`` is left out: torch's fused attention reads its weight and never calls it.
    """
    return [
        name
        for name, module in model.named_modules()
        if (isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1))
        and name.rpartition(".")[2] != "out_proj"
    ]


def adapt(model: nn.Module, name: str, rank: int | None) -> nn.Module:
    """Wrap the model with peft: alpha = r, dropout 0, no bias; ``dora`` adds ``use_dora=True``."""
    with careful_imports():
        from peft import LoraConfig, get_peft_model

    pattern = "|".join(re.escape(target) for target in targets(model))
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        lora_dropout=0.0,
        bias="none",
        target_modules=f"({pattern})",
        use_dora=name == "dora",
    )
    with careful_imports():
        adapted: nn.Module = get_peft_model(model, config).train()
    return adapted
