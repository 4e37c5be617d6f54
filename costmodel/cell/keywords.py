"""What a question is told in Python beside model and method: keywords, which are settings of the cell and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Generic

from costmodel.cell.axes import WORDS, Given, Sizes, spelled
from costmodel.cell.inputs import InputSpec
from costmodel.cell.rehearsal import Rehearsal
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import ModelOptions
from costmodel.cell.training import Training
from costmodel.errors import InputError, shown, unknown_of_few
from costmodel.methods import Options
from costmodel.options import Switch, options_of


class Cell(Sizes[Given], Generic[Given], total=False):
    """What can be said of every cell alike, as `costmodel.estimate` takes it."""

    classes: int
    inputs: str | InputSpec | None
    aux: bool
    options: Options | None
    training: Training | None
    rehearsal: Rehearsal | None


SETTINGS = (*options_of(ModelOptions), "options", "training", "rehearsal")
"""The keywords of `Cell` that are no sizes."""


def split(
    point: Mapping[str, object] | None, cell: Mapping[str, Any], others: Sequence[str]
) -> tuple[dict[str, Any], dict[str, object]]:
    """Return the settings of all cells, and the sizes asked for by option.

    Args:
        point: sizes by word.
        cell: settings and sizes, as keywords.
        others: keywords of the function that are neither.

    Raises:
        InputError: for a keyword that the function does not have, and a size that is none or is given twice.
    """
    settings = {name: value for name, value in cell.items() if name in SETTINGS}
    sizes = {name: value for name, value in cell.items() if name not in SETTINGS}
    check_keywords(sizes, (*SETTINGS, *others))
    return settings, spelled({} if point is None else point, sizes)


def words_of(settings: Mapping[str, Any]) -> list[str]:
    """Return settings of cells as on the command line.

    Raises:
        InputError: for one that is not accepted.
    """
    told = ModelOptions(**{name: value for name, value in settings.items() if name in options_of(ModelOptions)})
    others = (settings.get(name) for name in ("options", "training", "rehearsal"))
    return [word for given in (told, *others) if given is not None for word in given.words]


def check_keywords(sizes: Mapping[str, object], others: Sequence[str]) -> None:
    """Refuse keywords that a function does not have.

    Args:
        sizes: those that it takes for sizes.
        others: the keywords that it has beside sizes.
    """
    for name in sizes:
        if name not in WORDS:
            raise unknown_of_few("keyword", name, (*WORDS, *others))


def check_call(name: str, given: object) -> None:
    """Refuse what cannot be called."""
    if not callable(given):
        raise InputError(f"{name} {shown(given)}: expected a function")


def check_switch(name: str, given: object) -> None:
    """Refuse what is neither true nor false."""
    Switch().check(f"{name} {shown(given)}", given)


def count(name: str, given: object) -> int:
    """Read how many of something.

    Raises:
        InputError: for what is no integer, and a negative one.
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 0:
        raise InputError(f"{name} {shown(given)}: expected an integer, 0 or more")
    return int(given)


def alias_of(model: object, setup: Setup) -> str | None:
    """Return the name that a model was asked for by, where it stands for another."""
    return model if isinstance(model, str) and model != setup.subject.name else None
