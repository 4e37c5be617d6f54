from __future__ import annotations

import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from costmodel.algebra.sizes import Affine, Capped, Strided, Tokens, name_sizes

SIDE = Affine(1, Strided("H", 1, 0), 0)

WINDOW = st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(0, 3), st.integers(1, 2))


@given(st.lists(WINDOW, max_size=5), st.integers(200, 2000))
def test_a_chain_of_windows_is_one_floor(windows: list[tuple[int, int, int, int]], H: int) -> None:
    size, stepped = SIDE, H
    for kernel, stride, padding, dilation in windows:
        size = size.window(kernel, stride, padding, dilation)
        stepped = (stepped + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    assert size.at({"H": H}) == stepped
    parsed = sympy.parse_expr(size.size.text, local_dict={"H": sympy.Symbol("H")})
    assert parsed.subs("H", H) == stepped


@given(st.integers(1, 64), st.integers(-40, 40), st.integers(1, 5))
def test_smallest_is_where_the_size_is_reached(divisor: int, offset: int, wanted: int) -> None:
    size = Strided("W", divisor, offset)
    edge = size.smallest(wanted)
    assert size.at({"W": edge}) == wanted
    assert size.at({"W": edge - 1}) == wanted - 1


def test_text_of_the_usual_stage() -> None:
    assert SIDE.window(3, 2, 1, 1).size.text == "floor((H - 1)/2) + 1"
    assert SIDE.window(3, 1, 0, 1).size.text == "H - 2"
    assert Strided("H", 2, 0).text == "floor(H/2)"


def test_rounding_up_and_down_are_two_sizes() -> None:
    up, down = SIDE.window(3, 2, 1, 1).size, SIDE.window(2, 2, 0, 1).size
    assert up.key != down.key
    assert up.at({"H": 10}) == down.at({"H": 10})
    assert up.at({"H": 11}) == down.at({"H": 11}) + 1


def test_names_number_the_stages() -> None:
    sizes = [Strided("H", 4, 3), Strided("H", 2, 1), Strided("W", 2, 1), Capped("r", 9), Capped("r", 16)]
    assert sorted(name_sizes(sizes).values()) == ["h1", "h2", "r16", "r9", "w1"]
    assert name_sizes(sizes)[Strided("H", 2, 1).key] == "h1"


def test_a_capped_rank_saturates() -> None:
    assert [Capped("r", 9).at({"r": r}) for r in (1, 8, 9, 10)] == [1, 8, 9, 9]
    assert Capped("r", 9).text == "Min(r, 9)"


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2), st.integers(8, 60))
def test_a_pool_rounded_up_is_torchs_or_refused(kernel: int, stride: int, padding: int, H: int) -> None:
    padding = min(padding, kernel // 2)
    try:
        size = SIDE.window(kernel, stride, padding, 1, ceil_mode=True)
    except ArithmeticError:
        return  # a last window may start in the padding: torch drops it at some sizes
    pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=True)
    assert size.at({"H": H}) == pool(torch.empty(1, 1, H, H, device="meta")).shape[-1]


@given(st.integers(1, 50), st.integers(1, 6), st.integers(-9, 9), st.sampled_from([1, 2, 4]))
def test_multiples_of_a_size_are_divided_exactly(k: int, scale: int, shift: int, divisor: int) -> None:
    extent = Affine(4 * scale, Strided("H", 16, 0), shift)
    assert extent.over(divisor, 3).at({"H": 16 * k}) == (4 * scale * k + shift + 3) // divisor


@given(st.integers(1, 40), st.integers(0, 5), st.integers(1, 3))
def test_tokens_along_an_axis(units: int, x: int, steps: int) -> None:
    tokens = Tokens("H", 16, 1)
    along = tokens.along(16 * units, 16 * steps)
    assert sum(c * x**i for i, c in enumerate(along)) == tokens.at({"H": 16 * units + 16 * steps * x})
