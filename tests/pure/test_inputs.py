"""What a model takes, as typed after --input."""

from __future__ import annotations

import pytest

from costmodel.cell.inputs import parse
from costmodel.contract import Point
from costmodel.errors import InputError


def shapes(text: str, point: Point) -> list[tuple[int, ...]]:
    return [spec.shape(point) for spec in parse(text).tensors]


@pytest.mark.parametrize(
    ("text", "shape"),
    [("3x96x80", (2, 3, 40, 50)), ("1xHxW", (2, 1, 40, 50)), ("3x16xHxW", (2, 3, 16, 40, 50)), ("S:int64", (2, 7))],
)
def test_shapes_with_the_batch_in_front(text: str, shape: tuple[int, ...]) -> None:
    assert shapes(text, Point(N=2, H=40, W=50, r=None, S=7)) == [shape]


def test_numbers_of_an_image_are_its_default_sides() -> None:
    spec = parse("3x96x80")
    assert spec.defaults == {"H": 96, "W": 80}
    assert spec.axes == ("H", "W")


def test_several_tensors_by_name() -> None:
    spec = parse("input_ids=S:int64,mask=S:bool,pixels=3xHxW")
    assert [(t.name, t.dtype) for t in spec.tensors] == [
        ("input_ids", "int64"),
        ("mask", "bool"),
        ("pixels", "float32"),
    ]
    assert set(spec.axes) == {"H", "W", "S"}


@pytest.mark.parametrize("text", ["3x96x96", "3xHxW", "S:int64", "input_ids=S:int64,attention_mask=S:int64"])
def test_text_says_it_again(text: str) -> None:
    assert parse(str(parse(text))) == parse(str(parse(text)))
    assert [t.dims for t in parse(str(parse(text))).tensors] == [t.dims for t in parse(text).tensors]


@pytest.mark.parametrize("text", ["", "3x-1x4", "0x3x3", "QxHxW", "S:float99", "3x96x96,", "x", "3xx3"])
def test_nonsense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="--input"):
        parse(text)
