"""Cache entries, shipped formulas and hosts that somebody else wrote: ignored, whatever they try, and derived anew.

Each has the checksums that it needs: whoever writes a file can work them out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costmodel.algebra.formula import Derivation
from costmodel.files import canonical, checksum
from costmodel.machine.seconds import store
from costmodel.machine.seconds.host import NEEDED, Error, Host, Rates
from costmodel.sources import atlas
from costmodel.sources.cache import FormulaCache, _digest
from costmodel.sources.known import Known
from tests.robust.formulas import CHANGES, CODE, ESCAPE, PLACES, small, texts

IDENTITY = {"model": "m", "versions": {"torch": "2.13.0"}}


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


# -- the cache ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def entry(empty_cache: Path) -> Path:
    FormulaCache(IDENTITY).store([Known(small())])
    assert FormulaCache(IDENTITY).load() == [Known(small())]
    (path,) = (empty_cache / "formulas").iterdir()
    return path


@pytest.mark.parametrize("what", CHANGES)
def test_a_formula_that_is_none_is_not_taken_from_the_cache(entry: Path, what: str) -> None:
    data = json.loads(entry.read_text())
    CHANGES[what](data["derivations"][0])
    data["sha256"] = _digest(data["derivations"])
    entry.write_text(json.dumps(data))
    assert FormulaCache(IDENTITY).load() == []


@pytest.mark.parametrize("what", texts(b""))
def test_a_text_that_is_none_is_not_taken_from_the_cache(entry: Path, what: str) -> None:
    entry.write_bytes(texts(entry.read_bytes())[what])
    assert FormulaCache(IDENTITY).load() == []


@pytest.mark.parametrize("what", PLACES)
def test_what_is_no_file_of_its_own_is_not_taken_from_the_cache(entry: Path, what: str) -> None:
    PLACES[what](entry)
    assert FormulaCache(IDENTITY).load() == []


def test_a_key_that_is_there_twice_is_no_entry(entry: Path) -> None:
    entry.write_text('{"identity": {}, ' + entry.read_text()[1:])
    assert FormulaCache(IDENTITY).load() == []


def test_a_link_in_the_place_of_an_entry_is_replaced_not_followed(entry: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    entry.unlink()
    entry.symlink_to(outside)
    assert FormulaCache(IDENTITY).load() == []
    FormulaCache(IDENTITY).store([Known(small())])
    assert outside.read_text() == "mine"
    assert not entry.is_symlink()
    assert FormulaCache(IDENTITY).load() == [Known(small())]


def test_a_link_in_the_place_of_the_folder_is_not_written_through(entry: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    entry.parent.rename(outside)
    entry.parent.symlink_to(outside)
    before = entry.stat().st_mtime_ns
    FormulaCache(IDENTITY).store([small(), small()])
    assert FormulaCache(IDENTITY).load() == []
    assert [path.stat().st_mtime_ns for path in outside.iterdir()] == [before]


@pytest.mark.parametrize("which", [0, 1])
def test_a_folder_that_everybody_writes_to_is_no_cache(entry: Path, which: int) -> None:
    folder = entry.parents[which]
    folder.chmod(0o777)
    assert FormulaCache(IDENTITY).load() == []
    FormulaCache({**IDENTITY, "model": "other"}).store([small()])
    assert list(entry.parent.iterdir()) == [entry]
    folder.chmod(0o700)
    assert FormulaCache(IDENTITY).load() == [Known(small())]


def test_a_folder_of_another_user_is_no_cache(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    if mine == 0:
        os.chown(entry.parent, 4711, -1)
    assert FormulaCache(IDENTITY).load() == []


def test_its_folders_are_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path / "cache"))
    FormulaCache(IDENTITY).store([Known(small())])
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("cache", "cache/formulas")] == [0o700, 0o700]


# -- formulas that ship ------------------------------------------------------------------------------------------------

MODEL, METHOD = "squeezenet1_1", "bn_head"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / f"{MODEL}.json"
    for name in (path.name, atlas.CHECKED):
        (tmp_path / name).write_bytes((atlas.FOLDER / name).read_bytes())
    monkeypatch.setattr(atlas, "FOLDER", tmp_path)
    monkeypatch.setattr(atlas, "stored", atlas.stored.__wrapped__)
    return path


def sealed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a file and give it the checksum that it needs."""
    data = json.loads(path.read_text())
    del data["crc32"]
    change(data)
    path.write_text(atlas.seal("{\n" + json.dumps(data)[1:] + "\n"))
    assert atlas.intact(path.read_bytes())


def setup() -> Any:
    from costmodel.cell.setup import setup_of

    return setup_of(MODEL, METHOD)


def test_a_file_that_is_sealed_anew_is_taken(shipped: Path) -> None:
    before = atlas.shipped(setup())
    assert before
    sealed(shipped, lambda data: None)
    assert atlas.shipped(setup()) == before


@pytest.mark.parametrize("what", CHANGES)
def test_a_formula_that_is_none_does_not_ship(shipped: Path, what: str) -> None:
    sealed(shipped, lambda data: data["cells"][METHOD].append(changed(what)))
    assert atlas.shipped(setup()) == ()


def changed(what: str) -> dict[str, Any]:
    data = small().to_dict()
    CHANGES[what](data)
    return data


WHOLE: dict[str, Callable[[dict[str, Any]], None]] = {
    "another schema": lambda data: data.update(schema="costmodel.atlas/2"),
    "another model": lambda data: data.update(model="resnet18"),
    "no cells": lambda data: data.pop("cells"),
    "cells that are a list": lambda data: data.update(cells=[]),
    "regions that are an object": lambda data: data["cells"].update({METHOD: {"a": 1}}),
    "a region that is text": lambda data: data["cells"].update({METHOD: [CODE]}),
    "escape codes in a version": lambda data: data["versions"].update(torch=ESCAPE),
    "script in a version": lambda data: data["versions"].update(torch="<script>alert(1)</script>"),
    "a version that is a number": lambda data: data["versions"].update(torch=2),
    "a formula of a spreadsheet as a package": lambda data: data["versions"].update({"=cmd|' /C calc'!A0": "1"}),
    "versions that are a list": lambda data: data.update(versions=[]),
}


@pytest.mark.parametrize("what", WHOLE)
def test_a_file_that_is_none_does_not_ship(shipped: Path, what: str) -> None:
    sealed(shipped, WHOLE[what])
    assert atlas.shipped(setup()) == ()
    assert set(atlas.versions(setup()).values()) <= {"2.13.0+cpu", "0.28.0", "1.0", "0.21.2"}


@pytest.mark.parametrize("what", [*texts(b""), *(name for name in PLACES if "pipe" not in name)])
def test_a_text_that_is_none_does_not_ship(shipped: Path, what: str) -> None:
    if what in PLACES:
        PLACES[what](shipped)
    else:
        head, _, rest = shipped.read_text().split("\n", 2)
        shipped.write_bytes(atlas.seal(f"{head}\n{rest}").encode())
        shipped.write_bytes(texts(shipped.read_bytes())[what])
    assert atlas.shipped(setup()) == ()


# -- what was measured of a host ---------------------------------------------------------------------------------------


def host() -> Host:
    rates = {kind: Rates(calls=1e-6, bytes=1e-10) for kind in NEEDED}
    return Host(
        store.identity(1),
        rates,
        1e-10,
        dict.fromkeys(("forward", "backward", "optimizer"), 1e-6),
        error=Error(3, 0.1, 0.2),
    )


HOSTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another schema": lambda data: data.update(schema="costmodel.host/1"),
    "no schema": lambda data: data.pop("schema"),
    "another host": lambda data: data["host"].update(cpu=ESCAPE),
    "a host more": lambda data: data["host"].update(more=CODE),
    "a host that is a list": lambda data: data.update(host=[]),
    "rates that are a list": lambda data: data.update(rates=[]),
    "rates of nothing": lambda data: data.update(rates={}),
    "a rate that is text": lambda data: data["rates"]["mm"].update(calls=CODE),
    "a rate that is a truth": lambda data: data["rates"]["mm"].update(calls=True),
    "a negative rate": lambda data: data["rates"]["mm"].update(calls=-1e-9),
    "a rate larger than any": lambda data: data["rates"]["mm"].update(calls=10**400),
    "a rate of another name": lambda data: data["rates"]["mm"].update(__class__=1e-9),
    "a page that is a list": lambda data: data.update(page=[1e-9]),
    "a gap that is text": lambda data: data["between"].update(forward="1"),
    "a gap of 300 years": lambda data: data["between"].update(forward=1e10),
    "a phase less": lambda data: data["between"].pop("forward"),
    "a share that is nothing": lambda data: data["whole"].update(forward=None),
    "an error that is text": lambda data: data["error"].update(median="<script>"),
    "an error of a truth": lambda data: data["error"].update(cells=True),
    "an error of no cell": lambda data: data["error"].update(cells=0),
    "an error of another name": lambda data: data["error"].update(more=1),
    "an error that is a list": lambda data: data.update(error=[1, 2, 3]),
}


@pytest.fixture
def calibrated(empty_cache: Path) -> Path:
    path = store.store(host())
    assert path is not None
    assert store.load(store.identity(1)) == host()
    return path


@pytest.mark.parametrize("what", HOSTS)
def test_a_host_that_is_none_is_not_taken(calibrated: Path, what: str) -> None:
    data = json.loads(calibrated.read_text())
    del data[store.SEAL]
    HOSTS[what](data)
    calibrated.write_text(json.dumps({store.SEAL: checksum(canonical(data)), **data}))
    assert store.load(store.identity(1)) is None


@pytest.mark.parametrize("what", [*texts(b""), *PLACES])
def test_a_text_that_is_none_is_no_host(calibrated: Path, what: str) -> None:
    if what in PLACES:
        PLACES[what](calibrated)
    else:
        calibrated.write_bytes(texts(calibrated.read_bytes())[what])
    assert store.load(store.identity(1)) is None


# -- names that sympy and programs are given ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", [name for name in CHANGES if "name" in name or "axis" in name])
def test_no_text_is_made_of_such_a_name(what: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        Derivation.from_dict(changed(what))
