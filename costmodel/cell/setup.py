"""A cell without its point: model, method with its options, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from costmodel.cell import subjects
from costmodel.cell.inputs import InputSpec
from costmodel.cell.rehearsal import Rehearsal
from costmodel.cell.subjects import ModelOptions, Subject
from costmodel.cell.training import Training
from costmodel.contract import DEFAULT_CLASSES
from costmodel.errors import InputError, shown
from costmodel.methods import METHODS, PAPER, Method, Options, find
from costmodel.methods.optimizers import OURS

if TYPE_CHECKING:
    from torch import nn

DEFAULT_OPTIONS, DEFAULT_TRAINING, DEFAULT_REHEARSAL = Options(), Training(), Rehearsal()


@dataclass(frozen=True, slots=True)
class Setup:
    """What is costed at every point alike.

    Attributes:
        subject: the model and its input.
        method: how it is adapted.
        options: what the method is told beside its rank.
        training: optimizer, loss, precision and the like.
        rehearsal: whether a module that nobody has tested is run once beside its trace.

    Raises:
        InputError: for options that the method does not know.
    """

    subject: Subject
    method: Method
    options: Options = DEFAULT_OPTIONS
    training: Training = DEFAULT_TRAINING
    rehearsal: Rehearsal = DEFAULT_REHEARSAL

    def __post_init__(self) -> None:
        self.method.check(self.options, self.training)

    @property
    def by_name(self) -> bool:
        """Whether model, method and optimizer are known by name: their code is not the caller's."""
        return self.subject.by_name and self._method_by_name and self._our_optimizer

    @property
    def verified(self) -> bool:
        """Whether the tests and the committed suites compare its formulas with fresh traces and with real steps.

        That is a model by name with a method of the contract, all at their defaults. Formulas of anything else are
        checked at the point that they answer for.
        """
        return (
            self.by_name
            and self.method.name in PAPER
            and self.subject.identity == {"model": self.subject.name, "classes": DEFAULT_CLASSES}
            and self.subject.inputs == subjects.named(self.subject.name).inputs
            and self.options == DEFAULT_OPTIONS
            and self.training == DEFAULT_TRAINING
        )

    @property
    def _method_by_name(self) -> bool:
        return METHODS.get(self.method.name) is self.method

    @property
    def _our_optimizer(self) -> bool:
        return self.training.optimizer in OURS

    @property
    def identity(self) -> dict[str, Any] | None:
        """Everything that decides the cost, as plain data; ``None`` where it is code of the caller's."""
        method = self._method_by_name or self.method.identity
        if self.subject.identity is None or not method or not self._our_optimizer:
            return None
        return {
            "subject": dict(self.subject.identity),
            "inputs": str(self.subject.inputs),
            "method": [self.method.name, self.method.identity],
            "options": self.options.given,
            "training": asdict(self.training),
        }

    @property
    def optimizer_name(self) -> str:
        """The optimizer's name in the JSON: a method's own, or one of `OPTIMIZERS`."""
        return self.method.optimizer_name if self.method.optimizer else self.training.optimizer

    @property
    def label(self) -> str:
        """Model, method and what differs from the defaults, in the words of the command line."""
        parts = (self.subject.name, self.method.name, self.options.label, self.training.label)
        return " ".join(part for part in parts if part)


def setup_of(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    classes: int = DEFAULT_CLASSES,
    inputs: str | InputSpec | None = None,
    aux: bool = False,
    options: Options | None = None,
    training: Training | None = None,
    rehearsal: Rehearsal | None = None,
) -> Setup:
    """Return the cell, without its point, that `estimate` and `validate` speak of.

    Args: as `estimate`.

    Raises:
        InputError: for bad input.
    """
    told_of = (("options", options, Options), ("training", training, Training), ("rehearsal", rehearsal, Rehearsal))
    for name, given, kind in told_of:
        if not (given is None or isinstance(given, kind)):
            raise InputError(f"{name} {shown(given)}: expected costmodel's {kind.__name__}, or None")
    told = ModelOptions(inputs, classes, aux)
    subject = subjects.find(model, told.classes, told.inputs, told.aux)
    training = training or DEFAULT_TRAINING
    return Setup(subject, find(method), options or DEFAULT_OPTIONS, training, rehearsal or DEFAULT_REHEARSAL)
