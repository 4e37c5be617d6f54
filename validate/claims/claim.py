"""A claim as data: its place, its words, the figure that it publishes, and what to measure for it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import msgspec
from msgspec import Meta, Struct

import specs
from costmodel.errors import InputError

FILE = specs.FOLDER / "claims.toml"

KINDS = ("value", "range", "up_to", "at_least", "above")
"""How a figure is published; what each means is in `Published.holds`."""

Unit = Literal["%", ":1", "x", ""]
Measure = Literal["ratio", "share", "saving", "overhead", "growth", "slopes", "bend"]
Name = Annotated[str, Meta(min_length=1)]
Size = Annotated[int, Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class Published:
    """A published figure, and which values stand for it: the one rule for all claims.

    A value stands for a figure that it rounds to, at the last digit that the paper writes; where the paper calls the
    figure approximate ("about", "approximately"), at its last digit that is not a zero. A percentage may be one point
    off after that rounding. A range reaches from the lowest value that stands for its lower end to the highest that
    stands for its upper end, and is not widened by a word such as "around".

    Attributes:
        kind: one of `KINDS`.
        figures: one figure, or both ends of a range, with the digits that the paper writes.
        unit: ``%``, ``:1``, ``x`` (times) or empty.
        approximate: whether the paper calls the figure so.
    """

    kind: str
    figures: tuple[Decimal, ...]
    unit: str
    approximate: bool = False

    def _slack(self, figure: Decimal) -> Decimal:
        last = _last_digit(figure)
        if self.unit == "%":
            last *= 3  # half a unit, and one point
        if self.approximate and self.kind != "range":
            last = max(last, _last_digit(figure.normalize()))
        return last / 2

    @property
    def interval(self) -> tuple[float, float]:
        """The values that stand for the figure, or lie in the range."""
        low, high = self.figures[0], self.figures[-1]
        return float(low - self._slack(low)), float(high + self._slack(high))

    def holds(self, values: list[float]) -> bool:
        """Tell whether what was found is what was published.

        ``value``, ``range``: every one stands for it. ``up_to``: the largest does. ``at_least``: none is lower than
        what stands for it. ``above``: every one is greater, without any tolerance.
        """
        low, high = self.interval
        match self.kind:
            case "up_to":
                return low <= max(values) <= high
            case "at_least":
                return min(values) >= low
            case "above":
                return min(values) > float(self.figures[0])
        return all(low <= value <= high for value in values)

    def distance(self, values: list[float]) -> float:
        """Return how far the farthest value is from what stands for the figure, 0 where it holds."""
        if self.holds(values):
            return 0.0
        low, high = self.interval
        if self.kind in ("at_least", "above"):
            return (low if self.kind == "at_least" else float(self.figures[0])) - min(values)
        if self.kind == "up_to":
            values = [max(values)]
        return max(max(low - value, value - high, 0.0) for value in values)

    @property
    def text(self) -> str:
        """The figure as the report writes it: ``about 20 : 1``, ``49% to 51%``, ``up to 95%``."""
        shown = [with_unit(str(figure), self.unit) for figure in self.figures]
        words = {"up_to": "up to ", "at_least": "at least ", "above": "more than "}.get(self.kind, "")
        return words + ("about " if self.approximate else "") + " to ".join(shown)


def _last_digit(figure: Decimal) -> Decimal:
    """Return the worth of a figure's last digit: 0.01 for 1.13, and 10 for 2E+1."""
    return Decimal((0, (1,), int(figure.as_tuple().exponent)))


def with_unit(number: str, unit: str) -> str:
    """Write a number with a claim's unit."""
    return {"%": f"{number}%", ":1": f"{number} : 1", "x": f"{number}\N{MULTIPLICATION SIGN}"}.get(
        unit, f"{number} {unit}".rstrip()
    )


class Operand(Struct, frozen=True, forbid_unknown_fields=True):
    """One side of a ratio.

    Attributes:
        what: names of quantities joined by ``+`` (their sum) or ``|`` (the largest of them); see `quantity`.
        method: a method, or ``each`` for every one of the reading's.
        model: in place of the reading's model.
        side: height and width in pixels, in place of the reading's.
    """

    what: Name
    method: Name = "each"
    model: Name | None = None
    side: Size | None = None


class Beside(TypedDict, total=False):
    """What is another of the second value."""

    model: Name
    side: Size


class Reading(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to read a claim: what is to be worked out.

    Attributes:
        measure: ``ratio``, ``share``, ``saving``, ``overhead``, ``growth``, ``slopes`` or ``bend``; see `quantity`.
        of: what it is about.
        to: what it is compared with; ``None`` where there is nothing to compare with.
        models: each gives a value.
        methods: each gives a value, where an operand's method is ``each``.
        label: tells readings of one claim apart.
        side: height and width in pixels.
        rank: of the methods that have one.
        ranks: the ranks of a line over the rank.
        mean: whether the mean over models and methods is meant, not each.
        beside: ``model`` or ``side`` of a second value; the first is compared with it.
        compare: how: ``ratio`` or ``difference``.
        divided_by: a figure from elsewhere that the value is divided by.
    """

    measure: Measure
    of: Operand
    to: Operand | None = None
    models: tuple[Name, ...] = ()
    methods: tuple[str, ...] = ("",)
    label: str = ""
    side: Size = 224
    rank: Size = 4
    ranks: tuple[Size, ...] = ()
    mean: bool = False
    beside: Beside = {}  # a Struct copies it
    compare: Literal["ratio", "difference"] = "ratio"
    divided_by: Annotated[float, Meta(gt=0)] = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim.

    Attributes:
        id: a short name.
        place: where it stands in the paper.
        quote: its words.
        about: what it is about, in this project's words.
        published: its figure; ``None`` for a claim that no cost model can decide and that has none.
        readings: ways to read it; the claim holds where one of them does. Empty for what is out of reach.
        because: an explanation for each verdict that was thought of: ``reproduced``, ``counting``, ``not``, ``out``.
    """

    id: str
    place: str
    quote: str
    about: str
    published: Published
    readings: tuple[Reading, ...]
    because: Mapping[str, str]


_Verdict = Annotated[str, Meta(pattern=r"\A(reproduced|counting|not|out)\Z")]
_Figure = Annotated[str, Meta(pattern=r"\A[0-9]+(\.[0-9]+)?\Z")]


class _Published(Struct, forbid_unknown_fields=True):
    """A figure as the file has it: one of `KINDS`."""

    value: _Figure | None = None
    range: tuple[_Figure, _Figure] | None = None
    up_to: _Figure | None = None
    at_least: _Figure | None = None
    above: _Figure | None = None
    unit: Unit = ""
    approximate: bool = False

    def __post_init__(self) -> None:
        if len(self.told) != 1:
            raise ValueError(f"expected one of {', '.join(KINDS)}, got {', '.join(self.told) or 'none'}")

    @property
    def told(self) -> list[str]:
        """The kinds that there is a figure of."""
        return [kind for kind in KINDS if getattr(self, kind) is not None]

    def made(self) -> Published:
        """Return the figure, with the digits that the paper writes."""
        (kind,) = self.told
        figures = getattr(self, kind)
        listed = figures if kind == "range" else (figures,)
        return Published(kind, tuple(map(Decimal, listed)), self.unit, self.approximate)


class _Claim(Struct, forbid_unknown_fields=True, rename={"readings": "reading"}):
    """A claim as the file has it."""

    id: Name
    place: Name
    quote: Name
    about: Name
    published: _Published
    readings: tuple[Reading, ...] = ()
    because: dict[_Verdict, Name] = {}


class _Claims(Struct, forbid_unknown_fields=True):
    """The file."""

    claim: tuple[_Claim, ...]


@cache
def claims() -> tuple[Claim, ...]:
    """Return all claims of ``specs/claims.toml``, in the paper's order."""
    return read(FILE)


def read(path: Path) -> tuple[Claim, ...]:
    """Read a file of claims.

    Raises:
        InputError: for a file that is none: where in it, and what is expected there.
    """
    try:
        rows = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Claims).claim
    except ValueError as error:  # no TOML, or no claims
        raise InputError(f"claims {path}: {error}") from error
    return tuple(
        Claim(row.id, row.place, row.quote, row.about, row.published.made(), row.readings, row.because) for row in rows
    )
