"""The axes of a point in one table, the words that they are asked for by, and how their values are read."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, TypedDict, TypeVar

from costmodel.contract import DEFAULTS
from costmodel.errors import InputError, shown, unknown_of_few
from costmodel.options import expected, whole

Value = int | str
"""A number, or a name."""

RESERVED = frozenset({"floor", "ceiling", "Min", "Max", "T"})
"""Names that have a meaning in formulas, beside those of `SIZE_NAME`."""

SIZE_NAME = r"\w*\d"
"""Sizes that follow from others are named so: ``h1``, ``t3``."""


class Axis(NamedTuple):
    """A size that can be asked for.

    Attributes:
        letters: the axes of the contract that it says, its symbols in every formula: one, or both sides at once.
        option: its name in the API and in suite files, and of its option on the command line.
        about: what it is; the option's help.
        example: a name that keeps it symbolic.
        default_shown: whether the command line's help ends with the default.
    """

    letters: str
    option: str
    about: str
    example: str
    default_shown: bool = False

    @property
    def default(self) -> int | None:
        """What it is where neither the caller nor the model says one; ``None`` for both sides at once."""
        return DEFAULTS.get(self.letters)

    @property
    def flag(self) -> str:
        """The option as typed."""
        return f"--{self.option}"


_ROWS = (
    Axis("r", "rank", f"Rank of methods that have one ({DEFAULTS['r']} if left out).", "r"),
    Axis("N", "batch", "Batch size.", "N", default_shown=True),
    Axis("HW", "resolution", f"Height and width in pixels (the model's own default, mostly {DEFAULTS['H']}).", "S"),
    Axis("H", "height", "Height in pixels.", "H"),
    Axis("W", "width", "Width in pixels.", "W"),
    Axis("S", "length", f"Tokens of a text model ({DEFAULTS['S']} if left out).", "S"),
)

SIZES: Mapping[str, Axis] = MappingProxyType({axis.option: axis for axis in _ROWS})
"""By option, in the order of the command line."""

AXIS: Mapping[str, Axis] = MappingProxyType({axis.letters: axis for axis in _ROWS if len(axis.letters) == 1})
"""By the contract's letter."""

RESOLUTION = SIZES["resolution"]
"""Both sides at once."""


Given = TypeVar("Given")
"""What a size is asked for by: a number, a name that keeps it symbolic, or several numbers."""


class Sizes(TypedDict, Generic[Given], total=False):
    """A point as keywords: each size by its option or by its letter; ``None`` is as good as left out."""

    rank: Given | None
    batch: Given | None
    resolution: Given | None
    height: Given | None
    width: Given | None
    length: Given | None
    r: Given | None
    N: Given | None
    H: Given | None
    W: Given | None
    S: Given | None


WORDS: Mapping[str, Axis] = MappingProxyType({**SIZES, **AXIS})
"""Every word of `Sizes`."""


def spelled(*given: Mapping[str, object]) -> dict[str, object]:
    """Return what was asked for by option, whatever words it was asked for in.

    Args:
        given: values by word, from each place that may give some; ``None`` is as good as left out.

    Raises:
        InputError: for a word that is none, and an axis that is given twice.
    """
    for words in given:
        if not isinstance(words, Mapping):
            raise InputError(f'point {shown(words)}: expected sizes by name, such as {{"batch": 8, "rank": 4}}')
    found: dict[str, object] = {}
    told: dict[str, str] = {}
    for word, value in (item for words in given for item in words.items() if item[1] is not None):
        axis = WORDS.get(word)
        if axis is None:
            raise unknown_of_few("size", word, WORDS)
        said = f"{axis.flag} {shown(value)}"
        for letter in axis.letters:
            if letter in told:
                raise InputError(f"{told[letter]} and {said}: {letter} is given twice; give one of them")
        found[axis.option] = value
        told |= dict.fromkeys(axis.letters, said)
    return found


def read(option: str, raw: object) -> Value:
    """Read what an option was given: a positive integer, or a name.

    Raises:
        InputError: for anything else.
    """
    number = whole(raw)
    if number is not None:
        return number
    name = raw.strip() if isinstance(raw, str) else ""
    if name.isascii() and name.isidentifier() and not keyword.iskeyword(name):
        return name
    axis = SIZES[option]
    raise InputError(f"{axis.flag} {shown(raw)}: {expected(raw)}, or a name such as {axis.example} to keep it symbolic")
