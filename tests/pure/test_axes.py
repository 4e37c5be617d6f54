"""One table of axes, and one vocabulary for a point."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from costmodel.cell.axes import AXIS, SIZES, WORDS, Sizes, spelled
from costmodel.cell.request import request
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import named
from costmodel.contract import AXES, DEFAULTS, SIDES, Point
from costmodel.errors import InputError
from costmodel.methods import METHODS


def test_the_table_is_of_the_contracts_axes() -> None:
    assert {*AXIS} == {*AXES} == {*DEFAULTS}
    assert {*SIDES} < {*AXIS}
    assert Point() == Point.of({axis: value for axis, value in DEFAULTS.items() if axis != "S"})


def test_the_keywords_are_the_words_of_the_table() -> None:
    assert get_type_hints(Sizes).keys() == WORDS.keys() == {*SIZES, *AXIS}


def test_an_option_and_its_letter_are_one() -> None:
    cell = Setup(named("resnet18"), METHODS["lora"])
    by_option = request(cell, batch=2, height=64, width=96, rank="r")
    assert request(cell, N=2, H=64, W=96, r="r") == by_option
    assert request(cell, {"N": 2, "height": 64}, W=96, rank="r") == by_option
    assert request(cell, resolution=64).values == request(cell, H=64, W=64).values
    assert request(cell, batch=None, N=None).values == request(cell).values


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (({"rank": 8, "r": 4},), "--rank 8 and --rank 4: r is given twice; give one of them"),
        (({"rank": 8}, {"rank": 8}), "--rank 8 and --rank 8: r is given twice"),
        (({"resolution": 64, "height": 32},), "--resolution 64 and --height 32: H is given twice"),
        (({"W": 32}, {"resolution": 64}), "--width 32 and --resolution 64: W is given twice"),
        (({"batch": 1, "N": 0},), "--batch 1 and --batch 0: N is given twice"),
        (({"bacth": 1},), "unknown size 'bacth': did you mean batch? accepted: rank, batch, resolution,"),
        (({"n": 1},), "unknown size 'n'"),
        (({3: 1},), "unknown size '3'"),
        (([1],), "point [1]: expected sizes by name"),
        (("N",), "point N: expected sizes by name"),
    ],
)
def test_what_is_refused(points: tuple, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        spelled(*points)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
