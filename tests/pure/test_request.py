from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.cell.request import request
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import named
from costmodel.errors import InputError
from costmodel.methods import METHODS
from costmodel.sources.regions import EVERY_RANK, SHORT_RANKS, band


def cell(method: str) -> Setup:
    return Setup(named("resnet18"), METHODS[method])


def test_defaults() -> None:
    assert request(cell("lora")).values == {"N": 1, "H": 224, "W": 224, "r": 4}
    assert request(cell("fft")).values == {"N": 1, "H": 224, "W": 224}
    assert request(cell("fft"), height="h").values == {"N": 1, "H": "h", "W": 224}


@pytest.mark.parametrize(
    ("rank", "batch", "expected"),
    [
        (64, 1, SHORT_RANKS),
        (65, 1, EVERY_RANK),
        ("r", 1, EVERY_RANK),
        ("r", "N", SHORT_RANKS),
        (70, "N", EVERY_RANK),
    ],
)
def test_bands(rank: object, batch: object, expected: object) -> None:
    assert band(request(cell("lora"), rank=rank, batch=batch)) == expected


@given(st.text(max_size=8))
def test_any_text_is_a_number_a_name_or_refused(text: str) -> None:
    try:
        value = request(cell("lora"), rank=text).values["r"]
    except InputError:
        return
    assert value == int(text) if isinstance(value, int) else value == text.strip()
