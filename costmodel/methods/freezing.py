"""What methods without adapters share: they choose which of the model's own parameters are trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from costmodel.errors import NotApplicableError
from costmodel.methods.method import Options

if TYPE_CHECKING:
    from torch import nn

FROZEN = "torch.optim.AdamW, all else frozen"
"""The code that trains what they choose, in words."""


def everything(model: nn.Module, _rank: int | None, _options: Options) -> nn.Module:
    """Train every parameter: nothing to change."""
    return model


def only(model: nn.Module, chosen: Iterable[nn.Parameter], method: str, what: str) -> nn.Module:
    """Train the chosen parameters and freeze the others.

    Raises:
        NotApplicableError: when none is chosen: ``method`` trains ``what``, of which the model has none.
    """
    parameters = list(chosen)
    if not parameters:
        raise NotApplicableError(f"{method} trains {what}: {type(model).__name__} has none")
    model.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return model
