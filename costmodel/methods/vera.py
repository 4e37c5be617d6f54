"""VeRA: scale vectors around factors that all layers share."""

from __future__ import annotations

from costmodel.contract import DEFAULTS
from costmodel.methods.adapters import LINEAR, Settings, adapter
from costmodel.methods.method import Options


def _settings(rank: int | None, _options: Options) -> Settings:
    return {"r": rank, "vera_dropout": 0.0, "bias": "none"}


METHOD = adapter(
    "vera",
    "two scale vectors per Linear around shared frozen factors",
    "peft VeRA",
    "VeraConfig",
    _settings,
    LINEAR,
    rank=DEFAULTS["r"],
    splits="r",
    look=10,
)
