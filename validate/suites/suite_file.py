"""A user's suite as a TOML file: tables of cells, each the product of its lists; see docs/suites.md."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from costmodel.cell import ranges
from costmodel.cell.axes import AXIS, SIZES, WORDS, spelled
from costmodel.cell.request import request
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import TIMM, ModelOptions
from costmodel.cell.subjects import find as find_subject
from costmodel.cell.training import Training
from costmodel.errors import InputError, unknown
from costmodel.files import read_whole
from costmodel.methods import PAPER, Method, Options, find
from costmodel.options import Choices, Option, options_of
from validate.cell import OPERATORS, CellSpec
from validate.depths import depth_named

MOST = 100_000
"""Cells of a file."""
MOST_BYTES = 2**20
"""Of a file."""
OWN = "validate.examples:"
"""Start of the addresses of this package's own models."""

_Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]
_Table = dict[str, Any]
_Tables = Annotated[list[_Table], Meta(min_length=1)]
_Names = str | Annotated[list[str], Meta(min_length=1)]
"""Shapes of what a file has; what a value means is checked by what takes it."""

_MODEL = {each.key: each for each in options_of(ModelOptions).values()}
TABLE_KEYS = ("models", "methods", *WORDS, *_MODEL, "options", "training", "depth")
"""What a table of cells may say."""


def read(path: Path, taken: Collection[str] = (), code: bool = True) -> tuple[str, tuple[CellSpec, ...]]:
    """Read a suite: its name, and its cells, each once.

    Args:
        path: the file.
        taken: names that it may not have.
        code: whether models that are addresses of code are imported, which runs it.

    Raises:
        InputError: for a file that cannot be read, and every wrong key or value: file, table, key, value, and what
            would be accepted.
    """
    try:
        whole = tomllib.loads(read_whole(path, MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise InputError(f"suite {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # too large, not UTF-8, or not TOML
        raise InputError(f"suite {path} is no TOML: {error}") from error
    _check_keys(f"{path}", whole, ("name", "cells"))
    name: Any = whole.get("name")
    tables: Any = whole.get("cells")
    if not _fits(name, _Name) or name in taken:
        reserved = f", other than {', '.join(taken)}" if taken else ""
        raise InputError(f"{path}: name = {_shown(name)}: expected letters, digits, '-', '_' and '.'{reserved}")
    if not _fits(tables, _Tables):
        raise InputError(f"{path}: cells = {_shown(tables)}: expected one [[cells]] table or more")
    cells: dict[str, CellSpec] = {}
    for number, table in enumerate(tables, start=1):
        for spec in _Cells(f"{path}: [[cells]] table {number}", table, code).cells():
            cells.setdefault(spec.key, spec)
            if len(cells) > MOST:
                raise InputError(f"{path}: more than {MOST} cells")
    return name, tuple(cells.values())


@dataclass(frozen=True)
class _Cells:
    """One table of cells, and how it is called in a message."""

    place: str
    given: Mapping[str, Any]
    code: bool

    def cells(self) -> Iterator[CellSpec]:
        """Yield the product of its lists, models first, depths last."""
        _check_keys(self.place, self.given, TABLE_KEYS)
        models = [self.checked("models", name, self.allowed) for name in self.names("models")]
        methods = [self.checked("methods", name, find) for name in self.names("methods", PAPER)]
        depths = [self.checked("depth", name, depth_named).name for name in self.names("depth", (OPERATORS,))]
        rank = AXIS["r"].option
        if rank in self.sizes and not any(method.ranked for method in methods):
            raise self.wrong(rank, f"no rank, as none of the methods has one: {', '.join(m.name for m in methods)}")
        values = {option: self.integers(option) for option in self.sizes}
        if prod(map(len, values.values())) > MOST:
            raise InputError(f"{self.place}: more than {MOST} cells")
        ranks: Sequence[int | None] = values.pop(rank, (None,))
        points = [dict(zip(values, point, strict=True)) for point in product(*values.values())]
        told, training = self.model(), self.training()
        for model, method in product(models, methods):
            setup = self.setup(model, told, method, methods, training)
            for sizes, own, depth in product(points, ranks if method.ranked else (None,), depths):
                yield CellSpec(
                    model,
                    method.name,
                    self.point(setup, {**sizes, rank: own}),
                    told.classes,
                    None if told.inputs is None else str(told.inputs),
                    told.aux,
                    setup.options.given,
                    training.given,
                    depth,
                )

    @cached_property
    def sizes(self) -> Mapping[str, Any]:
        """The sizes by option, in the order in which they vary: those given last vary fastest."""
        try:
            found = spelled({key: value for key, value in self.given.items() if key in WORDS})
        except InputError as error:
            raise InputError(f"{self.place}: {error}") from error
        return {option: found[option] for option in SIZES if option in found}

    def wrong(self, key: str, expected: str, value: object = None) -> InputError:
        """Build the error for a value that is not accepted."""
        shown = _shown(self.sizes.get(key, self.given.get(key)) if value is None else value)
        return InputError(f"{self.place}: {key} = {shown}: expected {expected}")

    def checked(self, key: str, value: Any, check: Any) -> Any:
        """Return what ``check`` makes of a value; its complaint is said of the key."""
        try:
            return check(value)
        except InputError as error:
            raise InputError(f"{self.place}: {key} = {_shown(value)}: {error}") from error

    def allowed(self, name: str) -> str:
        """Return a model's name; the address of code is one only where code may run."""
        if not self.code and ":" in name and not name.startswith((TIMM, OWN)):
            raise InputError("is code, which this command runs only with --run-models")
        return name

    def names(self, key: str, default: Sequence[str] = ()) -> list[str]:
        """Return one name or a list of them, each once."""
        given = self.given.get(key, list(default))
        if not _fits(given, _Names):
            raise self.wrong(key, "a name in quotes, or a list of them")
        return list(dict.fromkeys([given] if isinstance(given, str) else given))

    def integers(self, option: str) -> Sequence[int]:
        """Return one size, a list of them, or a range as the command line takes it."""
        given = self.sizes[option]
        expected = 'a positive integer, a list of them, or a range such as "1:64:8"'
        try:
            values = ranges.read(option, given)
        except InputError as error:
            raise self.wrong(option, expected) from error
        if len(values) > MOST:
            raise self.wrong(option, f"at most {MOST} values")
        return values

    def model(self) -> ModelOptions:
        """Return what is said of the models beside their names."""
        return ModelOptions(
            **{
                name: self.option(each.key, each, self.given[each.key])
                for name, each in options_of(ModelOptions).items()
                if each.key in self.given
            }
        )

    def setup(
        self, model: str, told: ModelOptions, method: Method, methods: Sequence[Method], training: Training
    ) -> Setup:
        """Return a model with a method; an option is told to the methods that know it."""
        options = self.told("options", Options)
        nobody = [name for name in options if not any(name in other.options for other in methods)]
        kept = {name: value for name, value in options.items() if name in (*method.options, *nobody)}
        try:
            subject = find_subject(model, told.classes, told.inputs, told.aux)
            return Setup(subject, method, Options(**kept), training)
        except InputError as error:
            raise InputError(f"{self.place}: {model} {method.name}: {error}") from error

    def training(self) -> Training:
        """Return how the cells are trained."""
        told = self.told("training", Training)
        try:
            return Training(**told)
        except InputError as error:
            raise InputError(f"{self.place}: training = {_shown(told)}: {error}") from error

    def told(self, key: str, choices: type[Choices]) -> dict[str, Any]:
        """Return a table within the table, its keys and values checked."""
        known = {each.key: (name, each) for name, each in options_of(choices).items()}
        given = self.given.get(key, {})
        if not _fits(given, _Table):
            raise self.wrong(key, f"a table with keys of {', '.join(known)}")
        _check_keys(f"{self.place}: {key}", given, [*known])
        return {known[name][0]: self.option(f"{key}.{name}", known[name][1], value) for name, value in given.items()}

    def option(self, key: str, option: Option, value: Any) -> Any:
        """Return the value of an option."""
        try:
            return option.check(value, f"{key} = {_shown(value)}")
        except InputError as error:
            raise InputError(f"{self.place}: {error}") from error

    def point(self, setup: Setup, sizes: Mapping[str, int | None]) -> dict[str, int]:
        """Return the point; the model may refuse a size."""
        try:
            return request(setup, sizes).numbers
        except InputError as error:
            raise InputError(f"{self.place}: {setup.subject.name} {setup.method.name}: {error}") from error


def _fits(value: object, shape: Any) -> bool:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return False
    return True


def _check_keys(place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise InputError(f"{place}: {unknown('key', key, known)}; keys: {', '.join(known)}")


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
