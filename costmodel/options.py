"""Options, each written once: the field of a dataclass says how it is given on the command line, in a suite and here.

`Options` of a method, `Training` and `ModelOptions` are `Choices`, whose fields are made by `option`. The command line
makes its options from them, a suite file its keys, and the dataclasses themselves check what they are given in Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

from costmodel.contract import CONVENTIONS
from costmodel.errors import InputError, shown, unknown, unknown_of_few

LARGEST = 2**31 - 1
"""Of any size, rank or number of things."""


def whole(raw: object, most: int = LARGEST) -> int | None:
    """Return a positive integer, given as one or as text; ``None`` for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, (Integral, str)):
        return None
    text = str(raw).strip()
    readable = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))
    return int(text) if readable and 0 < int(text) <= most else None


def number(raw: Any) -> float | None:
    """Return a positive number that is finite; ``None`` for anything else."""
    real = isinstance(raw, Real) and not isinstance(raw, bool)
    if not real or not 0 < raw <= sys.float_info.max:
        return None
    return int(raw) if isinstance(raw, Integral) else float(raw)


def expected(raw: object, most: int = LARGEST) -> str:
    """Say what is accepted in the place of something that is no positive integer."""
    text = str(raw).strip()
    too_large = text.isascii() and text.isdigit() and text.strip("0")
    return f"expected a positive integer{f' up to {most}' if too_large else ''}"


def positive(option: str, raw: object) -> int:
    """Read a positive integer.

    Raises:
        InputError: for anything else.
    """
    value = whole(raw)
    if value is None:
        raise InputError(f"--{option} {shown(raw)}: {expected(raw)}")
    return value


class Kind:
    """What an option takes.

    Attributes:
        typed: type of what the command line hands on.
    """

    typed: ClassVar[Any] = str

    def check(self, said: str, value: Any) -> Any:
        """Return a value as it is kept.

        Args:
            said: the option and the value, for a message: ``--alpha x``.
            value: as given in Python or in a suite file.

        Raises:
            InputError: for one that is not accepted.
        """
        raise NotImplementedError

    def read(self, flag: str, typed: Any) -> Any:
        """Return what `check` takes of what was typed on the command line."""
        del flag
        return typed

    def words(self, flag: str, value: Any) -> list[str]:
        """Return a value as on the command line."""
        return [flag, str(value)]


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A positive integer."""

    most: int = LARGEST

    def check(self, said: str, value: Any) -> int:
        """See `Kind`."""
        found = whole(value, self.most)
        if found is None:
            raise InputError(f"{said}: {expected(value, self.most)}")
        return found


class Number(Kind):
    """A positive number, finite."""

    typed: ClassVar[Any] = float

    def check(self, said: str, value: Any) -> float:
        """See `Kind`."""
        found = number(value)
        if found is None:
            raise InputError(f"{said}: expected a number above 0")
        return found


@dataclass(frozen=True, slots=True)
class Name(Kind):
    """One of some names."""

    what: str
    accepted: Iterable[str]

    def check(self, said: str, value: Any) -> str:
        """See `Kind`."""
        if not isinstance(value, str):
            raise InputError(f"{said}: expected a name of {', '.join(self.accepted)}")
        if value not in self.accepted:
            raise unknown(self.what, shown(value), self.accepted)
        return value


CONVENTION = Name("convention", CONVENTIONS)
"""How FLOPs are counted."""


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text, which is read where it is used."""

    expected: str

    def check(self, said: str, value: Any) -> str:
        """See `Kind`."""
        if not isinstance(value, str):
            raise InputError(f"{said}: expected {self.expected}")
        return value


class Switch(Kind):
    """On or off."""

    typed: ClassVar[Any] = bool

    def check(self, said: str, value: Any) -> bool:
        """See `Kind`."""
        if not isinstance(value, bool):
            raise InputError(f"{said}: expected true or false")
        return value

    def words(self, flag: str, value: Any) -> list[str]:
        """See `Kind`."""
        return [flag] if value else []


class Ranks(Kind):
    """Ranks by regular expression: a mapping or pairs; kept as pairs, which can be hashed."""

    typed: ClassVar[Any] = list[str]

    def check(self, said: str, value: Any) -> tuple[tuple[str, int], ...]:
        """See `Kind`."""
        try:
            pairs = dict(value)
        except (TypeError, ValueError):
            pairs = {None: None}
        ranks = {pattern: whole(rank) for pattern, rank in pairs.items()}
        if not all(isinstance(pattern, str) and rank for pattern, rank in ranks.items()):
            raise InputError(f'{said}: expected a positive rank for each regular expression, such as "layer4.*" = 8')
        return tuple((pattern, rank) for pattern, rank in ranks.items() if rank)

    def read(self, flag: str, typed: Any) -> Any:
        """See `Kind`."""
        pairs = []
        for entry in typed:
            pattern, equals, rank = entry.rpartition("=")
            if not equals or not pattern:
                raise InputError(f"{flag} {entry}: expected REGEX=RANK, such as 'layer4.*=8'")
            pairs.append((pattern, positive(flag.removeprefix("--"), rank)))
        return pairs

    def words(self, flag: str, value: Any) -> list[str]:
        """See `Kind`."""
        return [word for pattern, rank in value for word in (flag, f"{pattern}={rank}")]


class Option(NamedTuple):
    """One option, wherever it is given.

    Attributes:
        kind: what it takes.
        about: what it is; its help on the command line.
        default: where it is not given.
        key: its name in a suite file; the field's, where left out.
        default_shown: whether the command line's help ends with the default.
    """

    kind: Kind
    about: str
    default: Any
    key: str
    default_shown: bool

    @property
    def flag(self) -> str:
        """The option as typed on the command line."""
        return f"--{self.key.replace('_', '-')}"

    def check(self, value: Any, said: str | None = None) -> Any:
        """Return a value as it is kept; ``None`` is one where it is the default.

        Args:
            value: as given in Python or in a suite file.
            said: where it stands and what it is, for a message; as on the command line where left out.

        Raises:
            InputError: for a value that is not accepted.
        """
        if value is None and self.default is None:
            return None
        return self.kind.check(said or f"{self.flag} {shown(value)}", value)

    def read(self, typed: Any) -> Any:
        """Return the value of what was typed on the command line.

        Raises:
            InputError: for a value that is not accepted.
        """
        return self.check(self.kind.read(self.flag, typed), f"{self.flag} {shown(typed)}")

    def words(self, value: Any) -> list[str]:
        """Return a value as on the command line."""
        return self.kind.words(self.flag, value)


def option(default: Any, kind: Kind, about: str, *, key: str = "", default_shown: bool = False) -> Any:
    """Make a field of `Choices`; arguments as the attributes of `Option`."""
    return field(default=default, metadata={"option": Option(kind, about, default, key, default_shown)})


def _options_of(choices: Any) -> Mapping[str, Option]:
    """Return the options of a class of `Choices` by field, in their order."""
    return {
        place.name: place.metadata["option"]._replace(key=place.metadata["option"].key or place.name)
        for place in fields(choices)
    }


options_of: Callable[[type[Choices]], Mapping[str, Option]] = cache(_options_of)  # type: ignore[assignment]  # a class can be hashed


class Choices:
    """A frozen dataclass of options: each field is made by `option`, and checked when it is made."""

    __slots__ = ()

    def __new__(cls, *_given: Any, **named: Any) -> Self:
        """Refuse a name that is no field: the dataclass itself would say so in a TypeError."""
        for name in named:
            if name not in options_of(cls):
                raise unknown_of_few(f"option of {cls.__name__}", name, options_of(cls))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, each in options_of(type(self)).items():
            object.__setattr__(self, name, each.check(getattr(self, name)))

    @classmethod
    def typed(cls, given: Mapping[str, Any]) -> Self:
        """Make it of what was typed on the command line, by field; of other names nothing is taken.

        Raises:
            InputError: for a value that is not accepted.
        """
        return cls(**{name: each.read(given[name]) for name, each in options_of(cls).items() if name in given})

    @property
    def given(self) -> dict[str, Any]:
        """What is not at its default, by field."""
        found = {name: getattr(self, name) for name in options_of(type(self))}
        return {name: value for name, value in found.items() if value != options_of(type(self))[name].default}

    @property
    def words(self) -> list[str]:
        """What is not at its default, as on the command line: ``["--loss", "cross_entropy"]``."""
        return [word for name, value in self.given.items() for word in options_of(type(self))[name].words(value)]

    @property
    def label(self) -> str:
        """The same in one line."""
        return " ".join(self.words)
