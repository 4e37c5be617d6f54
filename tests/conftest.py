"""Shared by all tests: a cache of their own, and the cells of the contract."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers on two cores: threads of their own would only be in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Worker processes inherit the folder, so that each cell is traced once in a run.
os.environ.setdefault("COSTMODEL_CACHE_DIR", tempfile.mkdtemp(prefix="costmodel-tests-"))

settings.register_profile("costmodel", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("costmodel")


@pytest.fixture(scope="session", autouse=True)
def _every_json_is_of_its_schema() -> Iterator[None]:
    """Whatever a test has printed as JSON, or asks a result for, is checked against the schema that it names."""
    from costmodel.results import Result
    from tests.schemas import check

    plain = Result.to_json

    def checked(self: Result, indent: int | None = None) -> str:
        text = plain(self, indent)
        check(json.loads(text))
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Result, "to_json", checked)
        yield


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Path:
    """A cache folder that nothing has been written to."""
    monkeypatch.setenv("COSTMODEL_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def derived() -> Iterator[None]:
    """Formulas are derived by the code at hand, not taken from those that ship."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSTMODEL_ATLAS", "off")
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden files anew instead of comparing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long suite out unless it is asked for: ``-m full``."""
    if config.getoption("-m"):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if not item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
