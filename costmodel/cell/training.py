"""How a model is trained, whatever the method: optimizer, loss, precision, micro-batches, checkpointing."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.errors import InputError
from costmodel.methods.optimizers import OPTIMIZERS
from costmodel.options import Choices, Name, Switch, Whole, option

LOSSES = ("sum", "cross_entropy")
PRECISIONS = ("float32", "bfloat16")
AUTOCAST = ("bfloat16",)
MODES = ("as-is", "train")

MOST_ACCUMULATED = 256
"""Micro-batches of a step: each is traced, which takes about a second and a few megabytes."""


@dataclass(frozen=True, slots=True)
class Training(Choices):
    """Everything about a step that is neither model, method nor size. The defaults are the contract's.

    Attributes:
        optimizer: a name in `OPTIMIZERS`.
        loss: ``sum`` of the output tensors, or ``cross_entropy`` with one int64 label for each prediction.
        dtype: element type of parameters, buffers and input.
        autocast: element type that ``torch.autocast`` runs the forward pass and the loss in; ``None`` for none.
        accumulate: micro-batches of N whose gradients add up before the optimizer steps; each loss is divided by it.
        train_mode: whether parts of the model that are in eval mode while others are not stay there (``as-is``), or go
            to train mode too.
        checkpoint: whether the model's blocks drop their activations and compute them again in the backward pass.
    """

    optimizer: str = option("adamw", Name("optimizer", OPTIMIZERS), f"{', '.join(OPTIMIZERS)}.", default_shown=True)
    loss: str = option("sum", Name("loss", LOSSES), f"{', '.join(LOSSES)}.", default_shown=True)
    dtype: str = option("float32", Name("dtype", PRECISIONS), f"{', '.join(PRECISIONS)}.", default_shown=True)
    autocast: str | None = option(None, Name("autocast", AUTOCAST), f"Mixed precision: {', '.join(AUTOCAST)}.")
    accumulate: int = option(1, Whole(MOST_ACCUMULATED), "Micro-batches for each optimizer step.", default_shown=True)
    checkpoint: bool = option(False, Switch(), "Recompute the blocks' activations in the backward pass.")
    train_mode: str = option(
        "as-is", Name("train_mode", MODES), "Whether parts in eval mode stay there: as-is, train.", default_shown=True
    )

    def __post_init__(self) -> None:
        Choices.__post_init__(self)  # super() does not find a dataclass with slots
        if self.autocast and self.dtype != "float32":
            raise InputError(f"--autocast {self.autocast} with --dtype {self.dtype}: autocast starts from float32")


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
