"""A user's suite as a TOML file: tables of cells, each the product of its lists; see docs/suites.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from costmodel.cell import ranges
from costmodel.cell.axes import LARGEST
from costmodel.cell.request import request
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import find as find_subject
from costmodel.cell.training import Training
from costmodel.contract import DEFAULT_CLASSES
from costmodel.errors import InputError, unknown
from costmodel.methods import PAPER, Method, Options, find
from validate.cell import OPERATORS, CellSpec
from validate.depths import depth_named

MOST = 100_000
"""Cells of a file."""

SIZES = ("batch", "resolution", "height", "width", "length")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TABLE_KEYS = ("models", "methods", "rank", *SIZES, "classes", "input", "aux", "options", "training", "depth")

_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "targets": (str, "a regular expression in quotes"),
    "alpha": (int, "a positive integer"),
    "rank_pattern": (dict, 'a table such as { "layer4.*" = 8 }'),
    "train_head": (bool, "true or false"),
    "update_gap": (int, "a positive integer"),
    "projection": (str, "a name in quotes"),
    "scale": ((int, float), "a number"),
    "optimizer": (str, "a name in quotes"),
    "loss": (str, "a name in quotes"),
    "dtype": (str, "a name in quotes"),
    "autocast": (str, "a name in quotes"),
    "accumulate": (int, "a positive integer"),
    "checkpoint": (bool, "true or false"),
}
"""What the keys of ``options`` and ``training`` take."""


def read(path: Path, taken: Collection[str] = ()) -> tuple[str, tuple[CellSpec, ...]]:
    """Read a suite: its name, and its cells, each once.

    Args:
        path: the file.
        taken: names that it may not have.

    Raises:
        InputError: for a file that cannot be read, and every wrong key or value: file, table, key, value, and what
            would be accepted.
    """
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"suite {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise InputError(f"suite {path} is no TOML: {error}") from error
    _check_keys(f"{path}", whole, ("name", "cells"))
    name = whole.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in taken:
        reserved = f", other than {', '.join(taken)}" if taken else ""
        raise InputError(f"{path}: name = {_shown(name)}: expected letters, digits, '-', '_' and '.'{reserved}")
    tables = whole.get("cells")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: cells = {_shown(tables)}: expected one [[cells]] table or more")
    cells: dict[str, CellSpec] = {}
    for number, table in enumerate(tables, start=1):
        for spec in _Table(f"{path}: [[cells]] table {number}", table).cells():
            cells.setdefault(spec.key, spec)
            if len(cells) > MOST:
                raise InputError(f"{path}: more than {MOST} cells")
    return name, tuple(cells.values())


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of cells, and how it is called in a message."""

    place: str
    given: Mapping[str, Any]

    def cells(self) -> Iterator[CellSpec]:
        """Yield the product of its lists, models first, depths last."""
        _check_keys(self.place, self.given, _TABLE_KEYS)
        models = self.names("models")
        methods = [self.checked("methods", name, find) for name in self.names("methods", PAPER)]
        depths = [self.checked("depth", name, depth_named).name for name in self.names("depth", (OPERATORS,))]
        ranks = self.integers("rank")
        if ranks != (None,) and not any(method.ranked for method in methods):
            raise self.wrong("rank", f"no rank, as none of the methods has one: {', '.join(m.name for m in methods)}")
        if "resolution" in self.given and {"height", "width"} & self.given.keys():
            raise self.wrong("resolution", "either it, or height and width")
        sizes = list(product(*(self.integers(key) for key in SIZES)))
        training = self.training()
        for model, method in product(models, methods):
            setup = self.setup(model, method, methods, training)
            for told, rank, depth in product(sizes, ranks if method.ranked else (None,), depths):
                asked = {key: value for key, value in zip(SIZES, told, strict=True) if value is not None}
                point = self.point(setup, rank, asked)
                yield CellSpec(
                    model,
                    method.name,
                    point,
                    self.given.get("classes", DEFAULT_CLASSES),
                    self.given.get("input"),
                    self.given.get("aux", False),
                    setup.options.given,
                    training,
                    depth,
                )

    def wrong(self, key: str, expected: str, value: object = None) -> InputError:
        """Build the error for a value that is not accepted."""
        shown = _shown(self.given.get(key) if value is None else value)
        return InputError(f"{self.place}: {key} = {shown}: expected {expected}")

    def checked(self, key: str, value: Any, check: Any) -> Any:
        """Return what ``check`` makes of a value; its complaint is said of the key."""
        try:
            return check(value)
        except InputError as error:
            raise InputError(f"{self.place}: {key} = {_shown(value)}: {error}") from error

    def names(self, key: str, default: Sequence[str] = ()) -> list[str]:
        """Return one name or a list of them, each once."""
        given = self.given.get(key, list(default))
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
            raise self.wrong(key, "a name in quotes, or a list of them")
        return list(dict.fromkeys(listed))

    def integers(self, key: str) -> Sequence[int | None]:
        """Return one size, a list of them, or a range as the command line takes it; one ``None`` where left out."""
        if key not in self.given:
            return (None,)
        given = self.given[key]
        expected = 'a positive integer, a list of them, or a range such as "1:64:8"'
        if isinstance(given, str):
            try:
                values = ranges.parse(key, given)
            except InputError as error:
                raise self.wrong(key, expected) from error
            if len(values) > MOST:
                raise self.wrong(key, f"at most {MOST} values")
            return tuple(values)
        listed = given if isinstance(given, list) else [given]
        if not listed or not all(type(value) is int and 0 < value <= LARGEST for value in listed):
            raise self.wrong(key, expected)
        return tuple(dict.fromkeys(listed))

    def setup(self, model: str, method: Method, methods: Sequence[Method], training: Mapping[str, Any]) -> Setup:
        """Return a model with a method; an option is told to the methods that know it."""
        for key, kind, expected in (
            ("classes", int, "a positive integer"),
            ("input", str, 'sizes in quotes, such as "3x96x96" or "S:int64"'),
            ("aux", bool, "true or false"),
        ):
            value = self.given.get(key)
            if key in self.given and (type(value) is not kind or (kind is int and not 0 < value <= LARGEST)):  # type: ignore[operator]  # an int
                raise self.wrong(key, expected)
        options = self.told("options", [field.name for field in fields(Options)])
        nobody = [name for name in options if not any(name in other.options for other in methods)]
        kept = {name: value for name, value in options.items() if name in (*method.options, *nobody)}
        try:
            subject = find_subject(
                model, self.given.get("classes", DEFAULT_CLASSES), self.given.get("input"), self.given.get("aux", False)
            )
            return Setup(subject, method, Options(**kept), Training(**training))
        except InputError as error:
            raise InputError(f"{self.place}: {model} {method.name}: {error}") from error

    def training(self) -> dict[str, Any]:
        """Return what of the training is not at its default."""
        told = self.told("training", [field.name for field in fields(Training)])
        try:
            made = asdict(Training(**told))
        except InputError as error:
            raise InputError(f"{self.place}: training = {_shown(told)}: {error}") from error
        default = asdict(Training())
        return {name: value for name, value in made.items() if value != default[name]}

    def told(self, key: str, known: Sequence[str]) -> dict[str, Any]:
        """Return a table within the table, its keys and the kinds of its values checked."""
        given = self.given.get(key, {})
        if not isinstance(given, dict):
            raise self.wrong(key, f"a table with keys of {', '.join(known)}")
        _check_keys(f"{self.place}: {key}", given, known)
        for name, value in given.items():
            kind, expected = _KINDS[name]
            right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
            if right and kind is int:
                right = 0 < value <= LARGEST
            if right and kind is dict:
                right = all(type(rank) is int and 0 < rank <= LARGEST for rank in value.values())
            if not right:
                raise self.wrong(f"{key}.{name}", expected, value)
        return dict(given)

    def point(self, setup: Setup, rank: int | None, sizes: Mapping[str, int]) -> dict[str, int]:
        """Return the point; the model may refuse a size."""
        try:
            return request(setup, rank=rank, **sizes).numbers
        except InputError as error:
            raise InputError(f"{self.place}: {setup.subject.name} {setup.method.name}: {error}") from error


def _check_keys(place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise InputError(f"{place}: {unknown('key', key, known)}; keys: {', '.join(known)}")


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
