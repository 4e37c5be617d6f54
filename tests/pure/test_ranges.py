from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.cell.ranges import MOST, parse, read, stand_in
from costmodel.errors import InputError
from costmodel.options import LARGEST

READ = {
    "8": [8],
    "1:4": [1, 2, 3, 4],
    "96:256:32": [96, 128, 160, 192, 224, 256],
    "1:10:4": [1, 5, 9],
    "5:5": [5],
    "5:6:100": [5],
    "1,2,4": [1, 2, 4],
    "4,1,2": [4, 1, 2],
    "1,2,4,8:64:8": [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64],
    "1:3,2:4,1": [1, 2, 3, 4],
    " 1 , 2:3 ": [1, 2, 3],
    "007": [7],
    str(LARGEST): [LARGEST],
    f"1:{LARGEST}:{LARGEST - 1}": [1, LARGEST],
}
REFUSED = [
    "", " ", ",", "1,", ",1", "1,,2", ":", "1:", ":4", "1::4", "1:4:", "1:4:1:1", "0", "0:4", "1:4:0", "4:1", "-1",
    "1:-4", "1:4:-1", "+1", "1.5", "1:2.5", "1e3", "r", "1:N", "1-4", "1..4", "1 2", "1 : 4", "٣", "²", "1_000", "0x10",
    str(LARGEST + 1), f"1:{LARGEST + 1}", "9" * 5000, "1\n:2",
]  # fmt: skip


@pytest.mark.parametrize(("text", "values"), READ.items(), ids=list(READ))
def test_what_is_read(text: str, values: list[int]) -> None:
    assert list(parse("rank", text)) == values


@pytest.mark.parametrize("text", REFUSED, ids=[repr(text)[:30] for text in REFUSED])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse("rank", text)
    assert str(refusal.value).startswith("--rank ")
    assert "such as 8, 1:64, 96:256:32 (ends included) or 1,2,4" in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("text", [f"1:{MOST + 1}", f"1:{MOST},1", f"1:{LARGEST}"])
def test_too_many_values_are_refused_before_they_are_made(text: str) -> None:
    with pytest.raises(InputError, match="more than 10000000 values; give a step"):
        parse("batch", text)


def test_a_long_range_is_not_a_list() -> None:
    assert parse("batch", f"1:{MOST}") == range(1, MOST + 1)


@given(st.integers(1, 10**6), st.integers(0, 3000), st.integers(1, 50))
def test_both_ends_are_included(first: int, more: int, step: int) -> None:
    last = first + more
    assert list(parse("rank", f"{first}:{last}")) == list(range(first, last + 1))
    assert list(parse("rank", f"{first}:{last}:{step}")) == [
        v for v in range(first, last + 1) if not (v - first) % step
    ]


@given(st.text(alphabet="0123456789:,- r.", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values = list(parse("rank", text))
    except InputError:
        return
    assert values
    assert len({*values}) == len(values)
    assert all(0 < value <= LARGEST for value in values)


@pytest.mark.parametrize(
    "values", [[], range(0), [0], [1, -1], [2.5], ["4"], [True], range(5), range(4, -1, -1), [LARGEST + 1]]
)
def test_python_values_are_checked(values: list) -> None:
    if values == ["4"]:  # text is a number too, as everywhere
        assert read("rank", values) == (4,)
        return
    with pytest.raises(InputError, match="--rank"):
        read("rank", values)


def test_python_values_are_kept_in_order_and_once() -> None:
    assert read("rank", [4, 1, 4]) == (4, 1)
    assert read("rank", range(64, 0, -1)) == range(64, 0, -1)


def test_what_stands_in_for_a_range() -> None:
    assert stand_in("resolution", [224]) == 224
    assert stand_in("resolution", range(224, 449)) == "S"
    assert stand_in("rank", (1, 2)) == "r"
