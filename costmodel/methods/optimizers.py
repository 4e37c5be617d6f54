"""Optimizers by name, one row each, for methods that bring none of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from costmodel.errors import InputError

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class OptimizerRow(NamedTuple):
    """How an optimizer is made.

    Attributes:
        make: a class of ``torch.optim`` by name, or a function that gets the trainable parameters and ``arguments``.
        arguments: those where the optimizer's own defaults are not meant.
    """

    make: str | Callable[..., Optimizer]
    arguments: Mapping[str, Any] = MappingProxyType({})

    def over(self, model: nn.Module) -> Optimizer:
        """Make it over the trainable parameters of a model, as the contract has it."""
        import torch

        make = getattr(torch.optim, self.make) if isinstance(self.make, str) else self.make
        made: Optimizer = make([p for p in model.parameters() if p.requires_grad], **self.arguments)
        return made


_ROWS = {
    "sgd": OptimizerRow("SGD"),
    "sgd_momentum": OptimizerRow("SGD", {"momentum": 0.9}),
    "adam": OptimizerRow("Adam"),
    "adamw": OptimizerRow("AdamW"),
    "adafactor": OptimizerRow("Adafactor"),
    "rmsprop": OptimizerRow("RMSprop"),
    "adagrad": OptimizerRow("Adagrad"),
}

OPTIMIZERS: Mapping[str, OptimizerRow] = MappingProxyType(_ROWS)
"""The optimizers by name: those above, and what the caller has registered."""

OURS = frozenset(_ROWS)
"""The names of those above: formulas of cells with another one are not kept on disk."""


def register(name: str, make: str | Callable[..., Optimizer], **arguments: Any) -> None:
    """Add an optimizer of the caller's own, for this process: ``Training(optimizer=name)`` takes it from then on.

    Args:
        name: as `Training` takes it.
        make: a class of ``torch.optim`` by name, or what makes an optimizer of the trainable parameters.
        **arguments: passed on to it.

    Raises:
        InputError: for a name that is taken.
    """
    if name in _ROWS:
        raise InputError(f"optimizer '{name}' is there already: expected a name other than {', '.join(_ROWS)}")
    _ROWS[name] = OptimizerRow(make, arguments)
