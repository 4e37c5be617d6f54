"""Rules against hand-worked examples."""

from __future__ import annotations

import pytest

from costmodel.polynomial import Polynomial
from costmodel.rules import arithmetic, paper
from costmodel.rules.arithmetic import thin_svd
from costmodel.rules.call import Call, Tensor
from costmodel.rules.elementwise import MOVES, PER_ELEMENT, SPECIAL, SPECIAL_WHY


def depthwise_backward(channels: int, side: int, mask: tuple[bool, bool, bool]) -> Call:
    image = Tensor((1, channels, side, side))
    weight = Tensor((channels, 1, 3, 3), requires_grad=True)
    args = (image, image, weight, (0,), (1, 1), (1, 1), (1, 1), False, (0, 0), channels, mask)
    return Call("convolution_backward", args, {}, (image, weight, None))


def test_a_depthwise_layer_by_hand() -> None:
    """96 channels, 56x56, 3x3: 96 * 56 * 56 * 9 multiply-accumulates for each product, whatever the counter says."""
    macs = 96 * 56 * 56 * 9
    both = depthwise_backward(96, 56, (True, True, False))
    assert arithmetic.count(both) == {"matmul": 2 * 2 * macs, "other": 0}
    overcount = 2 * (macs + 96 * 56 * 56) + 2 * (macs * 96 + 96 * 9)
    assert paper.count(both) == overcount
    assert arithmetic.count(depthwise_backward(96, 56, (True, False, False))) == {"matmul": 2 * macs, "other": 0}


def test_rules_work_on_symbols() -> None:
    n, h = Polynomial.symbol("N"), Polynomial.symbol("h1")
    x, weight, out = Tensor((n, 8, h, h)), Tensor((4, 8, 1, 1)), Tensor((n, 4, h, h))
    call = Call("convolution", (x, weight, Tensor((4,)), (1, 1), (0, 0), (1, 1), False, (0, 0), 1), {}, (out,))
    assert arithmetic.count(call) == {"matmul": 64 * n * h * h, "other": 4 * n * h * h}
    assert paper.count(call) == 72 * n * h * h


@pytest.mark.parametrize(
    ("m", "n", "flops"),
    [
        (10, 10, (24 * 1000 - 4 * 1000) // 3),  # 8mn^2 - (4/3)n^3
        (18, 10, (24 * 1800 - 4000) // 3),  # still below 11n/6 = 18.33
        (19, 10, (18 * 1900 + 16 * 1000) // 3),  # QR first: 6mn^2 + (16/3)n^3
        (10, 19, (18 * 1900 + 16 * 1000) // 3),  # transposed
        (32, 9, 6 * 32 * 81 + 16 * 729 // 3),
    ],
)
def test_thin_svd(m: int, n: int, flops: int) -> None:
    assert thin_svd(m, n) == flops


def test_an_operator_without_a_rule_is_none_and_a_move_is_empty() -> None:
    x = Tensor((2, 3))
    assert arithmetic.count(Call("special_i0", (x,), {}, (x,))) is None
    assert arithmetic.count(Call("view", (x, (6,)), {}, (Tensor((6,)),))) == {}


def test_alpha_costs_a_multiplication() -> None:
    x = Tensor((2, 3))
    assert arithmetic.count(Call("add_", (x, x), {}, (x,))) == {"other": 6}
    assert arithmetic.count(Call("add_", (x, x), {"alpha": -0.1}, (x,))) == {"other": 12}


def test_each_operator_is_in_one_table() -> None:
    tables = [set(PER_ELEMENT), set(SPECIAL), set(MOVES)]
    assert sum(map(len, tables)) == len(set.union(*tables))
    assert set(SPECIAL) == set(SPECIAL_WHY)
