"""Fine-tuning methods by name. To add one, write a module with `adapt` and `optimizer` and add its row to `_TABLE`."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodel.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True, slots=True)
class Method:
    """A way to fine-tune.

    Attributes:
        name: as typed on the command line.
        trains: what it updates, in a few words.
        how: the code that does it.
        ranked: whether it has a rank.
        module: the module of this package that implements it.
        packages: distributions whose version decides its cost, beside torch and torchvision.
        splits: axes (``N``, ``r``) where the value 1 is known to run other operators than 2 and more, so that the two
            are derived apart. A hint that saves a trace: without it the difference is found by tracing.
        optimizer_name: what the JSON calls its optimizer.
        refreshes: whether step 0's extra work comes again every T steps, so that an amortised step makes sense.
    """

    name: str
    trains: str
    how: str
    ranked: bool
    module: str
    packages: tuple[str, ...] = ()
    splits: str = ""
    optimizer_name: str = "adamw"
    refreshes: bool = False

    def apply(self, model: nn.Module, rank: int | None) -> tuple[nn.Module, Optimizer]:
        """Adapt ``model`` in place and build its optimizer.

        Args:
            model: a fresh model in train mode, on any device.
            rank: the method's rank; ``None`` when it has none.

        Returns:
            The model to call (peft wraps it) and the optimizer of its trainable parameters.
        """
        adapted = self.adapt(model, rank)
        return adapted, self.optimizer(adapted, rank)

    def adapt(self, model: nn.Module, rank: int | None) -> nn.Module:
        """Adapt ``model`` in place, without an optimizer; see `apply`."""
        adapted: nn.Module = importlib.import_module(self.module).adapt(model, self.name, rank)
        return adapted

    def optimizer(self, model: nn.Module, rank: int | None) -> Optimizer:
        """Build the optimizer of an adapted model; see `apply`."""
        optimizer: Optimizer = importlib.import_module(self.module).optimizer(model, rank)
        return optimizer


_TABLE = (
    Method("fft", "every parameter", "torch.optim.AdamW", False, "costmodel.methods.plain"),
    Method(
        "bn_head",
        "the head; BatchNorm statistics in the forward pass",
        "torch.optim.AdamW, all else frozen",
        False,
        "costmodel.methods.plain",
    ),
    Method(
        "lora",
        "low-rank factors on every Linear and ungrouped Conv2d",
        "peft LoRA, alpha = r",
        True,
        "costmodel.methods.lora",
        ("peft",),
        "r",
    ),
    Method(
        "dora",
        "LoRA's factors and a magnitude per output channel",
        "peft LoRA with use_dora=True",
        True,
        "costmodel.methods.lora",
        ("peft",),
        "Nr",
    ),
    Method(
        "galore",
        "every parameter; matrices through a rank-r projection of the gradient",
        "galore_torch GaLoreAdamW, T = 200, scale 0.25, projection std",
        True,
        "costmodel.methods.galore",
        ("galore-torch",),
        optimizer_name="galore_adamw",
        refreshes=True,
    ),
)

METHODS = {method.name: method for method in _TABLE}


def find(name: str) -> Method:
    """Return the method of that name.

    Raises:
        InputError: for a name that is not known.
    """
    if name not in METHODS:
        raise unknown("method", str(name), METHODS)
    return METHODS[name]


def ranked_names() -> str:
    """List the methods that take a rank, for messages."""
    return ", ".join(method.name for method in _TABLE if method.ranked)


def check_rank_allowed(method: Method, given: object) -> None:
    """Refuse a rank for a method that has none.

    Raises:
        InputError: when ``given`` is not None and the method has no rank.
    """
    if given is not None and not method.ranked:
        raise InputError(f"--rank {given}: method '{method.name}' has no rank; methods with a rank: {ranked_names()}")
