"""IA3: a scale for each output channel."""

from __future__ import annotations

from costmodel.methods.adapters import LINEAR, Settings, adapter
from costmodel.methods.method import Options


def _settings(_rank: int | None, _options: Options) -> Settings:
    """Scale every target's output; with ``feedforward_modules`` peft would scale the inputs of those named there."""
    return {"feedforward_modules": []}


METHOD = adapter(
    "ia3",
    "one scale per output channel of every Linear and ungrouped Conv2d",
    "peft IA3",
    "IA3Config",
    _settings,
    (*LINEAR, "Conv2d", "Conv3d"),
    look=9,
)
