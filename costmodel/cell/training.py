"""How a model is trained, whatever the method: optimizer, loss, precision, micro-batches, checkpointing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from costmodel.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

OPTIMIZERS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "sgd": ("SGD", {}),
        "sgd_momentum": ("SGD", {"momentum": 0.9}),
        "adam": ("Adam", {}),
        "adamw": ("AdamW", {}),
        "adafactor": ("Adafactor", {}),
        "rmsprop": ("RMSprop", {}),
        "adagrad": ("Adagrad", {}),
    }
)
"""Optimizers by name: the class of ``torch.optim``, and arguments where torch's defaults are not meant."""

LOSSES = ("sum", "cross_entropy")
PRECISIONS = ("float32", "bfloat16")
AUTOCAST = ("bfloat16",)


@dataclass(frozen=True, slots=True)
class Training:
    """Everything about a step that is neither model, method nor size. The defaults are the contract's.

    Attributes:
        optimizer: a name in `OPTIMIZERS`.
        loss: ``sum`` of the output tensors, or ``cross_entropy`` with one int64 label for each prediction.
        dtype: element type of parameters, buffers and input.
        autocast: element type that ``torch.autocast`` runs the forward pass and the loss in; ``None`` for none.
        accumulate: micro-batches of N whose gradients add up before the optimizer steps; each loss is divided by it.
        checkpoint: whether the model's blocks drop their activations and compute them again in the backward pass.
    """

    optimizer: str = "adamw"
    loss: str = "sum"
    dtype: str = "float32"
    autocast: str | None = None
    accumulate: int = 1
    checkpoint: bool = False

    def __post_init__(self) -> None:
        for option, value, accepted in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("loss", self.loss, LOSSES),
            ("dtype", self.dtype, PRECISIONS),
            ("autocast", self.autocast, AUTOCAST),
        ):
            if value not in accepted and not (option == "autocast" and value is None):
                raise unknown(option, str(value), accepted)
        if not isinstance(self.accumulate, int) or self.accumulate < 1:
            raise InputError(f"--accumulate {self.accumulate}: expected a positive integer")
        if self.autocast and self.dtype != "float32":
            raise InputError(f"--autocast {self.autocast} with --dtype {self.dtype}: autocast starts from float32")

    @property
    def words(self) -> list[str]:
        """What differs from the defaults, as on the command line: ``["--loss", "cross_entropy"]``."""
        words: list[str] = []
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if value != default:
                words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return words

    @property
    def label(self) -> str:
        """The same in one line."""
        return " ".join(self.words)


_DEFAULTS = {name: getattr(Training(), name) for name in Training.__slots__}


def plain_optimizer(model: nn.Module, name: str) -> Optimizer:
    """Build one of torch's optimizers over the trainable parameters, as the contract has it."""
    import torch

    kind, arguments = OPTIMIZERS[name]
    made: Optimizer = getattr(torch.optim, kind)([p for p in model.parameters() if p.requires_grad], **arguments)
    return made


def require_float32(training: Training, what: str) -> None:
    """Refuse other precisions, for whose kernels there are neither workspaces nor rates.

    Args:
        training: what is asked for.
        what: is estimated, with its verb: ``a process is``.

    Raises:
        InputError: for a precision other than float32 anywhere in the step.
    """
    if training.dtype != "float32" or training.autocast:
        raise InputError(f"{what} estimated for float32 only, without --dtype and --autocast")
