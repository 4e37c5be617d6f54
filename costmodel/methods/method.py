"""What a fine-tuning method is: a row of facts, and the two functions that do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from costmodel.contract import UPDATE_GAP
from costmodel.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from costmodel.cell.training import Training

PROJECTIONS = ("std", "reverse_std", "left", "right", "full")


@dataclass(frozen=True, slots=True)
class Options:
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

    targets: str | None = None
    alpha: int | None = None
    rank_pattern: Mapping[str, int] | tuple[tuple[str, int], ...] = ()
    train_head: bool = False
    update_gap: int = UPDATE_GAP
    projection: str = "std"
    scale: float = 0.25

    def __post_init__(self) -> None:
        if self.projection not in PROJECTIONS:
            raise unknown("projection", str(self.projection), PROJECTIONS)
        if self.update_gap < 1:
            raise InputError(f"--update-gap {self.update_gap}: expected a positive integer")
        object.__setattr__(self, "rank_pattern", tuple(dict(self.rank_pattern).items()))

    @property
    def given(self) -> dict[str, Any]:
        """The options that are not at their default."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    @property
    def words(self) -> list[str]:
        """The options that are not at their default, as on the command line."""
        words: list[str] = []
        for name, value in self.given.items():
            flag = f"--{name.replace('_', '-')}"
            if name == "rank_pattern":
                for pattern, rank in dict(value).items():
                    words += [flag, f"{pattern}={rank}"]
            else:
                words += [flag] if value is True else [flag, str(value)]
        return words

    @property
    def label(self) -> str:
        """The same in one line."""
        return " ".join(self.words)


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
                known = ", ".join(f"--{option.replace('_', '-')}" for option in self.options) or "none"
                raise InputError(
                    f"--{name.replace('_', '-')}: method '{self.name}' has no such option; its options: {known}"
                )
        if self.optimizer and training.optimizer != "adamw":
            raise InputError(
                f"--optimizer {training.optimizer}: method '{self.name}' brings its {self.optimizer_name}; "
                "leave the option out"
            )
