"""Shared by all tests: a cache of their own, and the cells of the contract."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers on two cores: threads of their own would only be in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests start many processes, each of which would compile the whole package where the environment forbids keeping that.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

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


_frozen = False
"""Whether imported modules are out of the collector's sight; asking it how many are takes as long as a collection."""


@pytest.fixture(autouse=True)
def _imported_modules_are_not_searched_for_garbage() -> None:
    """A real step begins with a collection of garbage: half a second where it goes through all of torch."""
    global _frozen
    if "peft" in sys.modules and not _frozen:
        gc.collect()
        gc.freeze()
        _frozen = True


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
    parser.addoption("--sample", type=int, default=1, metavar="K", help="of the long suite, one test in K")
    parser.addoption("--draw", metavar="TEXT", help="what draws the sample; the commit's hash if left out")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long suite out unless it is asked for, ``-m full``; with ``--sample`` run a part of it."""
    seen: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("each")
        name = item.nodeid.partition("[")[0]
        if mark and seen[name] % mark.args[0]:
            item.add_marker(pytest.mark.full)
        seen[name] += 1
    if not config.getoption("-m"):
        _keep(config, items, lambda item: not item.get_closest_marker("full"))
    elif (count := config.getoption("--sample")) > 1:
        drawn_by = config.getoption("--draw") or _commit()
        _keep(config, items, lambda item: not item.get_closest_marker("full") or drawn(item.nodeid, drawn_by, count))


def _keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = filter(wanted, items)


def drawn(name: str, by: str, count: int) -> bool:
    """Tell whether a test is in the sample of one in ``count``: another one for each commit, the same everywhere."""
    return int(hashlib.sha256(f"{by} {name}".encode()).hexdigest(), 16) % count == 0


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    if done.returncode:
        raise pytest.UsageError("--sample: this is no clone of a repository; --draw says what draws the sample")
    return done.stdout.strip()
