"""A broken or stale entry is never used; an unwritable folder does no harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import costmodel.sources.cache as cache
import specs
from costmodel import files
from costmodel.algebra.domain import Domain, Fixed, Free
from costmodel.algebra.formula import QUANTITIES, CostFormula, Derivation
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Capped, Strided
from costmodel.contract import Point
from costmodel.files import write_whole
from costmodel.sources.cache import FormulaCache
from costmodel.sources.known import Known

IDENTITY = {"model": "m", "method": "lora", "versions": {"torch": "2.13.0"}}


@pytest.fixture
def derivation() -> Known:
    term = 3 * Polynomial.symbol("N") * Polynomial.symbol("h1") + Polynomial.symbol("r9") + 7
    sizes = {"h1": Strided("H", 2, 1), "r9": Capped("r", 9)}
    formula = CostFormula(
        dict.fromkeys(QUANTITIES, (term, term + 1)),
        sizes,
        Domain({"N": Free(1), "H": Free(33), "r": Free(2, 64), "W": Fixed(4)}),
    )
    derivation = Derivation(formula, {"odd": 2}, 5, overcounted=True)
    return Known(derivation, {Point(N=2, W=4, r=3): True, Point(N=3, H=40, W=4, r=3): False})


def entry(folder: Path) -> Path:
    (path,) = (folder / "formulas").glob("*.json")
    return path


def test_what_is_stored_is_read_back(empty_cache: Path, derivation: Known) -> None:
    FormulaCache(IDENTITY).store([derivation, derivation])
    assert FormulaCache(IDENTITY).load() == [derivation, derivation]
    assert [path.suffix for path in (empty_cache / "formulas").iterdir()] == [".json"]


def test_another_version_is_another_entry(empty_cache: Path, derivation: Known) -> None:
    FormulaCache(IDENTITY).store([derivation])
    assert FormulaCache({**IDENTITY, "versions": {"torch": "2.13.1"}}).load() == []


def test_another_source_is_another_entry(empty_cache, derivation, monkeypatch: pytest.MonkeyPatch) -> None:
    FormulaCache(IDENTITY).store([derivation])
    monkeypatch.setattr(cache, "source_digest", lambda: "another")
    assert FormulaCache(IDENTITY).load() == []


def test_another_table_of_models_is_another_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model by name is built with stands in the table, not in code; the claims decide no formula."""
    for name in ("models.json", "claims.toml"):
        (tmp_path / name).write_bytes((specs.FOLDER / name).read_bytes())
    digest = cache.source_digest.__wrapped__
    monkeypatch.setattr(specs, "FOLDER", tmp_path)
    before = digest()
    (tmp_path / "claims.toml").write_text("", encoding="utf-8")
    assert digest() == before
    (tmp_path / "models.json").write_text("{}", encoding="utf-8")
    assert digest() != before


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"identity": 1}', "\x00\xff", "[" * 200_000])
def test_a_broken_entry_is_not_used(empty_cache: Path, derivation: Known, damage: str) -> None:
    FormulaCache(IDENTITY).store([derivation])
    entry(empty_cache).write_text(damage, encoding="latin-1")
    assert FormulaCache(IDENTITY).load() == []


def test_a_changed_coefficient_is_noticed(empty_cache: Path, derivation: Known) -> None:
    FormulaCache(IDENTITY).store([derivation])
    path = entry(empty_cache)
    data = json.loads(path.read_text())
    data["derivations"][0]["formula"]["quantities"]["memory.peak"][0][1] += 1
    path.write_text(json.dumps(data))
    assert FormulaCache(IDENTITY).load() == []


def test_a_truncated_entry_is_not_used(empty_cache: Path, derivation: Known) -> None:
    FormulaCache(IDENTITY).store([derivation])
    path = entry(empty_cache)
    path.write_text(path.read_text()[: path.stat().st_size // 2])
    assert FormulaCache(IDENTITY).load() == []


def test_a_folder_that_cannot_be_written_does_no_harm(
    tmp_path: Path, derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(blocked))
    FormulaCache(IDENTITY).store([derivation])
    assert FormulaCache(IDENTITY).load() == []


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    write_whole(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
