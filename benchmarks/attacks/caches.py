"""Files that answers are remembered in, damaged: the answer has to be the one that there is without them."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.attacks.outcome import ROOT, Try, inside, tried
from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.errors import CostModelError
from costmodel.sources import atlas
from costmodel.sources.known import Known
from costmodel.sources.source import Source
from validate.suites.journal import Journal

CELL = ("estimate", "squeezenet1_1", "--method", "bn_head", "--json")
"""A cell that ships, and that is derived in a second."""

FOR_REAL = 20
"""One in so many damaged files is followed by a derivation from nothing; the others are handed the one known."""

Damage = Callable[[Path, random.Random], str]


# -- what is done to a file --------------------------------------------------------------------------------------------


def _cut(path: Path, random: random.Random) -> str:
    whole = path.read_bytes()
    at = random.choice((0, 1, 2, len(whole) - 1, len(whole) - 2, random.randrange(len(whole))))
    path.write_bytes(whole[:at])
    return f"cut off at byte {at}"


def _flipped(path: Path, random: random.Random) -> str:
    whole = bytearray(path.read_bytes())
    places = random.sample(range(len(whole)), random.choice((1, 1, 2, 9)))
    for at in places:
        whole[at] ^= 1 << random.randrange(8)
    path.write_bytes(whole)
    return f"bits flipped in bytes {places}"


def _digit(path: Path, random: random.Random) -> str:
    """Change one digit into another: what is left parses, and looks right."""
    whole = bytearray(path.read_bytes())
    at = random.choice([at for at, byte in enumerate(whole) if 48 <= byte < 58])
    whole[at] = random.choice([byte for byte in range(48, 58) if byte != whole[at]])
    path.write_bytes(whole)
    return f"another digit in byte {at}"


def _overwritten(path: Path, random: random.Random) -> str:
    whole = bytearray(path.read_bytes())
    at, length = random.randrange(len(whole)), random.choice((1, 16, 512, 4096))
    filler = random.choice((b"\0" * length, random.randbytes(length), bytes(whole[:length])))
    whole[at : at + length] = filler
    path.write_bytes(whole)
    return f"{length} bytes from byte {at} on overwritten"


def _replaced(path: Path, random: random.Random) -> str:
    text = random.choice(
        (
            *(b"", b"\n", b"null", b"[]", b"{}", b"0", b'""', b"\xff\xfe", b"\x00" * 4096, b"[" * 200_000, b"NaN"),
            *(b'{"a":' * 100_000, b"9" * 20_000, b"1e999999", b'{"cells": null}', b'{"identity": {}}', b'"\\ud800"'),
            *(
                b'{"identity": {}, "sha256": 3, "derivations": 4}',
                b'{"versions": [], "cells": []}',
                b"{\n\n",
                b"\xef\xbb\xbf{}",
            ),
        )
    )
    path.write_bytes(text)
    return f"replaced by {text[:40]!r}"


def _reshaped(path: Path, random: random.Random) -> str:
    """Put something else in the place of one value; what is left is JSON."""
    lines = path.read_text(encoding="utf-8").splitlines()
    whole = path.suffix == ".jsonl"
    at = random.randrange(len(lines)) if whole else 0
    data = json.loads(lines[at] if whole else "\n".join(lines))
    place: Any = data
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = random.choice(keys)
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or random.random() < 0.15:
            break
        place = inner
    how = random.choice((None, [], {}, "", "x", -1, 0, 10**30, 1.5, True, [[]], {"a": 1}, "9" * 50, "left out"))
    if how == "left out":
        del place[key]
    else:
        place[key] = how
    text = json.dumps(data)
    path.write_text("\n".join([*lines[:at], text, *lines[at + 1 :], ""]) if whole else text, encoding="utf-8")
    return f"{key!r:.60} is now {how!r}"


def _folder(path: Path, random: random.Random) -> str:
    path.unlink()
    path.mkdir()
    if random.random() < 0.5:
        (path / "a").write_text("")
    return "a folder in its place"


def _loop(path: Path, random: random.Random) -> str:
    path.unlink()
    path.symlink_to(path if random.random() < 0.5 else path.with_name("nowhere"))
    return "a link to itself or to nowhere"


def _gone(path: Path, _: random.Random) -> str:
    path.unlink()
    return "not there"


DAMAGES: dict[str, Damage] = {
    "cut off": _cut,
    "bits flipped": _flipped,
    "a digit changed": _digit,
    "overwritten": _overwritten,
    "other content": _replaced,
    "a value of another shape": _reshaped,
    "a folder or a dead link in its place": lambda path, random: random.choice((_folder, _loop, _gone))(path, random),
}


@contextmanager
def denied(path: Path, number: int = errno.EACCES) -> Iterator[None]:
    """Let opening one file fail, which for the superuser no permission does."""
    opened = io.open

    def refuse(file: Any, *how: Any, **more: Any) -> Any:
        if isinstance(file, (str, os.PathLike)) and Path(file) == path:
            raise OSError(number, os.strerror(number), str(path))
        return opened(file, *how, **more)

    with patch.object(io, "open", refuse):
        yield


# -- what is damaged ---------------------------------------------------------------------------------------------------


def attack(tries: int, seed: int) -> Iterator[Try]:
    """Damage formulas on disk, those that ship, and journals of suites, a third of the tries each."""
    for attacked, share in ((cache, tries // 3), (shipped, tries // 3), (journals, tries - 2 * (tries // 3))):
        yield from attacked(share, random.Random(seed))  # noqa: S311  # tries, no secrets


def cache(tries: int, random: random.Random) -> Iterator[Try]:
    """Damage the formula cache."""
    with tempfile.TemporaryDirectory() as name, _set(COSTMODEL_CACHE_DIR=name, COSTMODEL_ATLAS="off"):
        expected = inside(CELL)
        (path,) = Path(name, "formulas").iterdir()
        yield from _each(tries, random, "formula cache", path, expected.out)


def shipped(tries: int, random: random.Random) -> Iterator[Try]:
    """Damage a copy of the formulas that ship, with an empty cache behind them."""
    with tempfile.TemporaryDirectory() as name, _set(COSTMODEL_CACHE_DIR=f"{name}/cache"):
        expected = inside(CELL)
        path = Path(shutil.copy(atlas.FOLDER / f"{CELL[1]}.json", name))
        with patch.object(atlas, "FOLDER", Path(name)):
            yield from _each(tries, random, "shipped formulas", path, expected.out)
        atlas.stored.cache_clear()


def _each(tries: int, random: random.Random, what: str, path: Path, expected: str) -> Iterator[Try]:
    whole = path.read_bytes()
    known = _derivations()
    for number in range(tries):
        _clear(path)
        path.write_bytes(whole)
        name, damage = random.choice(list(DAMAGES.items()))
        refused = random.random() < 0.05
        how = "opening it is refused" if refused else damage(path, random)
        atlas.stored.cache_clear()
        for entry in path.parent.glob("cache/formulas/*"):
            entry.unlink()
        real = number % FOR_REAL == 0
        with (
            patch.object(Source, "_derive", Source._derive if real else known),
            denied(path) if refused else _nothing(),
        ):
            found = inside(CELL)
        wrong = [] if found.out == expected else ["another answer than without the file"]
        if stray := [other.name for other in path.parent.glob(".*")]:
            wrong.append(f"left behind: {stray}")
        made = tried(f"{what}: {'opening it is refused' if refused else name}", found, wrong)
        yield Try(made.kind, made.status, made.faults, f"{how}; {made.what}", made.seconds)
    _clear(path)
    path.write_bytes(whole)


def _derivations() -> Callable[..., Any]:
    """Derive the cell once for all."""
    setup = setup_of(CELL[1], CELL[3])
    made = Source(setup, cached=False).derivation(request(setup))

    def known(source: Source, *_: Any) -> Any:
        source._derived.append(Known(made))
        return source._derived[-1]

    return known


def journals(tries: int, random: random.Random) -> Iterator[Try]:
    """Damage a suite's journal: what is read from it are records that were written."""
    records = (ROOT / "docs" / "validation" / "paper.jsonl").read_text(encoding="utf-8").splitlines()
    versions = json.loads(records[0])["versions"]
    with tempfile.TemporaryDirectory() as name:
        original, path = Path(name) / "original.jsonl", Path(name) / "paper.jsonl"
        for record in records:
            Journal(original, versions).append(json.loads(record))  # as it is written now
        written = Journal(original, versions).load()
        for _ in range(tries):
            _clear(path)
            shutil.copy(original, path)
            kind, damage = random.choice(list(DAMAGES.items()))
            how = damage(path, random)
            yield _read(f"journal: {kind}", Journal(path, versions), written, how)


def _read(kind: str, journal: Journal, written: Any, how: str) -> Try:
    try:
        found = journal.load()
    except CostModelError as error:
        return Try(kind, 2, () if "\n" not in str(error) else ("more than one line",), how)
    except OSError:
        return Try(kind, 2, (), how)  # said in one line by the command
    except Exception as error:
        return Try(kind, 1, (f"a traceback: {type(error).__name__}",), how)
    wrong = [cell for cell, record in found.items() if written.get(cell) != record]
    return Try(kind, 0, ("a record that was never written",) if wrong else (), how)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _set(**values: str) -> Iterator[None]:
    with patch.dict(os.environ, values):
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield
