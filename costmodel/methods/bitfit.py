"""BitFit: the biases alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.methods.freezing import FROZEN, only
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn


def _biases(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train every parameter called ``bias``, or ending in ``_bias`` as a fused attention's does."""
    chosen = (p for name, p in model.named_parameters() if name.rpartition(".")[2].endswith("bias"))
    return only(model, chosen, "bitfit", "biases")


METHOD = Method("bitfit", "the biases", FROZEN, _biases, look=5)
