"""What a fine-tuning method is: a row of facts, and the two functions that do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from costmodel.contract import UPDATE_GAP
from costmodel.errors import InputError
from costmodel.options import Choices, Name, Number, Ranks, Switch, Text, Whole, option, options_of

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from costmodel.cell.training import Training

PROJECTIONS = ("std", "reverse_std", "left", "right", "full")


@dataclass(frozen=True, slots=True)
class Options(Choices):
    """What a method can be told beside its rank. Each method lists the ones it knows in `Method.options`.

    Attributes:
        targets: regular expression over module names; the layers it matches in full get adapters.
        alpha: numerator of the adapters' scaling; it is a number in the step and changes no cost.
        rank_pattern: regular expression over module names to rank, for layers with a rank of their own: pairs or a
            mapping, as in peft.
        train_head: whether the head is trained in full beside the adapters (peft's ``modules_to_save``).
        update_gap: GaLore's T, optimizer steps between two projections.
        projection: GaLore's ``proj_type``.
        scale: GaLore's factor on the update.
    """

    targets: str | None = option(
        None,
        Text("a regular expression in quotes"),
        "Layers that get an adapter: a regular expression over module names.",
    )
    alpha: int | None = option(None, Whole(), "Scaling of adapters (the rank).")
    rank_pattern: Mapping[str, int] | tuple[tuple[str, int], ...] = option(
        (), Ranks(), "REGEX=RANK: layers with a rank of their own; may be given again."
    )
    train_head: bool = option(False, Switch(), "Train the head in full beside the adapters.")
    update_gap: int = option(UPDATE_GAP, Whole(), f"GaLore's T, steps between projections ({UPDATE_GAP}).")
    projection: str = option(
        "std", Name("projection", PROJECTIONS), "GaLore: std, reverse_std, left, right or full (std)."
    )
    scale: float = option(0.25, Number(), "GaLore: factor on updates (0.25).")


class Reach(IntEnum):
    """How much of a model a method can change: what reaches further is recommended before others that fit too.

    Within a reach the method that trains more bytes comes first.
    """

    PARTS = 0
    """Parts of the model, or updates of a form that has no place below."""
    DECOMPOSED = 1
    """Low-rank updates of the weights' direction, and their magnitude: after plain ones, which cost less."""
    LOW_RANK = 2
    """Low-rank updates of the weights."""
    PROJECTED = 3
    """Every weight, through a projected update."""
    EVERY_WEIGHT = 4
    """Every weight, without a limit of rank."""


Adapt = Callable[["nn.Module", "int | None", Options], "nn.Module"]
MakeOptimizer = Callable[["nn.Module", "int | None", Options, "Training"], "Optimizer"]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to fine-tune.

    Attributes:
        name: as typed on the command line.
        trains: what it updates, in a few words.
        how: the code that does it.
        adapt: changes a fresh model in train mode in place, or wraps it; gets the rank and the options.
        optimizer: builds the optimizer of the adapted model; ``None`` for torch's own over the trainable parameters.
        rank: its default rank; ``None`` where it has none.
        packages: distributions whose version decides its cost, beside torch and torchvision.
        options: names of the `Options` that it knows.
        splits: axes (``N``, ``r``) where the value 1 is known to run other operators than 2 and more, so that the two
            are derived apart. A hint that saves a trace: without it the difference is found by tracing.
        refreshes: whether step 0's extra work comes again every T steps, so that an amortised step makes sense.
        identity: what tells two methods of one name apart, such as the settings of a configuration object.
        optimizer_name: what answers call the optimizer that it brings.
        reach: how much of a model it can change, where methods are weighed against each other.
        look: its place among the colours and markers of pictures, see `costmodel.output.plots.style.Look`; methods
            without one follow in the order in which they appear.
    """

    name: str
    trains: str
    how: str
    adapt: Adapt
    optimizer: MakeOptimizer | None = None
    rank: int | None = None
    packages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    splits: str = ""
    refreshes: bool = False
    identity: str = ""
    optimizer_name: str = "own optimizer"
    reach: Reach = Reach.PARTS
    look: int | None = None

    @property
    def ranked(self) -> bool:
        """Whether it has a rank."""
        return self.rank is not None

    def check(self, options: Options, training: Training) -> None:
        """Refuse what this method does not know.

        Raises:
            InputError: for an option that is not in `options`, or an optimizer where the method brings its own.
        """
        for name in options.given:
            if name not in self.options:
                flags = {field: each.flag for field, each in options_of(type(options)).items()}
                known = ", ".join(flags[field] for field in self.options) or "none"
                raise InputError(f"{flags[name]}: method '{self.name}' has no such option; its options: {known}")
        if self.optimizer and training.optimizer != "adamw":
            raise InputError(
                f"--optimizer {training.optimizer}: method '{self.name}' brings its {self.optimizer_name}; "
                "leave the option out"
            )
