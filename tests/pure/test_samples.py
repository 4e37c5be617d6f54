"""Which tests run: the default suite's share of a grid, and the sample of the long suite that a commit's hash draws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import drawn, pytest_collection_modifyitems

NAMES = [f"tests/x.py::test_{number}" for number in range(600)]


def test_a_sample_is_one_in_k_and_another_for_each_commit() -> None:
    samples = [{name for name in NAMES if drawn(name, by, 12)} for by in ("a", "b", "c")]
    assert all(30 < len(sample) < 75 for sample in samples)
    assert samples[0] != samples[1] != samples[2]
    assert {name for name in NAMES if drawn(name, "a", 12)} == samples[0]


def test_every_test_is_drawn_sooner_or_later() -> None:
    left = set(NAMES)
    for commit in range(200):
        left = {name for name in left if not drawn(name, str(commit), 12)}
    assert left == set()


class Item:
    """As much of a test as the choice looks at."""

    def __init__(self, nodeid: str, *marks: Any) -> None:
        self.nodeid, self.marks = nodeid, {mark.name: mark for mark in marks}

    def get_closest_marker(self, name: str) -> Any:
        return self.marks.get(name)

    def add_marker(self, mark: Any) -> None:
        self.marks[mark.name] = mark.mark


def chosen(items: list[Any], **options: Any) -> list[str]:
    given = {"-m": "", "--sample": 1, "--draw": "commit", **options}
    config = SimpleNamespace(getoption=given.get, hook=SimpleNamespace(pytest_deselected=lambda items: None))
    pytest_collection_modifyitems(config, items)
    return [item.nodeid for item in items]


def grid() -> list[Any]:
    each = pytest.mark.each(3).mark
    return [*(Item(f"a[{case}]", each) for case in range(7)), Item("b"), Item("c", pytest.mark.full.mark)]


def test_one_case_in_k_is_part_of_the_default_suite_and_all_of_the_long_one() -> None:
    assert chosen(grid()) == ["a[0]", "a[3]", "a[6]", "b"]
    items = grid()
    chosen(items, **{"-m": "full"})
    assert [item.nodeid for item in items if item.get_closest_marker("full")] == ["a[1]", "a[2]", "a[4]", "a[5]", "c"]


def test_a_sample_leaves_out_nothing_of_the_default_suite() -> None:
    kept = chosen(grid(), **{"-m": "full or not full", "--sample": 2})
    assert {"a[0]", "a[3]", "a[6]", "b"} <= set(kept)
    assert set(kept) - {"a[0]", "a[3]", "a[6]", "b"} == {
        name for name in ("a[1]", "a[2]", "a[4]", "a[5]", "c") if drawn(name, "commit", 2)
    }
