"""LoRA."""

from __future__ import annotations

from functools import partial

from costmodel.methods.adapters import LINEAR, Settings, low_rank
from costmodel.methods.method import Options, Reach

SUPPORTED = (*LINEAR, "Conv2d", "Conv1d", "Conv3d", "Embedding")


def settings(rank: int | None, options: Options, *, dora: bool) -> Settings:
    """Return the arguments of peft's configuration; its switch ``use_dora`` makes DoRA of LoRA."""
    return {
        "r": rank,
        "lora_alpha": options.alpha or rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_dora": dora,
        "rank_pattern": dict(options.rank_pattern),
    }


METHOD = low_rank(
    "lora",
    "low-rank factors on every Linear and ungrouped Conv1d and Conv2d",
    "peft LoRA, alpha = r",
    "LoraConfig",
    partial(settings, dora=False),
    SUPPORTED,
    reach=Reach.LOW_RANK,
    look=2,
)
