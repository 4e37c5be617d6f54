"""Rules against hand-worked examples."""

from __future__ import annotations

import pytest
import torch

from costmodel.algebra.polynomial import Polynomial
from costmodel.contract import CONVENTIONS, FIRST, PHASES, STEP_PHASES, STEPS, phase_of
from costmodel.errors import LiftError
from costmodel.rules import arithmetic, paper
from costmodel.rules.arithmetic import thin_svd
from costmodel.rules.aten import SCHEMAS, signature
from costmodel.rules.call import Call, Tensor
from costmodel.rules.counters import COUNTERS
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


BATCH = 7
"""Stands in the examples for the batch, and is replaced by a symbol in a second pass."""

X = Tensor((BATCH, 3, 4))
IMAGE = Tensor((BATCH, 3, 8, 8))
SMALL = Tensor((BATCH, 3, 4, 4))
VIDEO = Tensor((BATCH, 3, 4, 8, 8))
SHORT = Tensor((BATCH, 3, 2, 4, 4))
ROW = Tensor((BATCH, 3))
SCALAR = Tensor(())
FOUR, THREE = Tensor((4,)), Tensor((3,))
LOGITS, TARGET = Tensor((BATCH, 5)), Tensor((BATCH,))
INDEX = Tensor((BATCH, 2))
FILTERS, FILTER_NORMS = Tensor((6, 3, 5, 5)), Tensor((6, 1, 1, 1))
EVERY = (True, True, True)


def call(packet: str, *args: object, out: Tensor | tuple[Tensor | None, ...], **kwargs: object) -> Call:
    return Call(packet, args, kwargs, out if isinstance(out, tuple) else (out,))


def over_the_gradient(packet: str, wide: Tensor = X) -> tuple[Call, int]:
    """A backward operator that adds up the gradient it is given, 84 elements, into whatever it makes."""
    return call(packet, X, wide, out=wide), 84


EXAMPLES: list[tuple[Call, int]] = [
    # X has 7*3*4 = 84 elements, its rows are 21.
    (call("add", X, X, out=X), 84),
    (call("add_", X, X, alpha=-0.1, out=X), 2 * 84),
    (call("sub", X, 1, 2, out=X), 2 * 84),  # torch.ops.aten.sub.Scalar takes alpha by position
    (call("rsub", X, 1.0, out=X), 84),
    (call("clamp", X, 0.0, 1.0, out=X), 2 * 84),
    (call("clamp_", X, None, 4.6, out=X), 84),
    (call("clamp", X, max=4.6, out=X), 84),
    (call("gelu", X, out=X), 5 * 84),
    (call("gelu", X, approximate="tanh", out=X), 9 * 84),
    (call("gelu_backward", X, X, out=X), 11 * 84),
    (call("gelu_backward", X, X, approximate="tanh", out=X), 18 * 84),
    *((call(name, X, (2,), True, out=ROW), 84) for name in ("sum", "prod", "amax", "amin", "argmax", "argmin")),
    *((call(name, X, 2, out=(ROW, ROW)), 84) for name in ("max", "min")),
    *((call(name, X, 2, out=(ROW, ROW)), 84) for name in ("kthvalue", "median", "sort", "topk")),
    (call("aminmax", X, out=(SCALAR, SCALAR)), 2 * 84),
    (call("mean", X, (2,), out=ROW), 84 + 21),
    (call("linalg_vector_norm", X, 2, (2,), out=ROW), 2 * 84 + 21),
    (call("norm", X, 2, (2,), out=ROW), 2 * 84 + 21),
    (call("dist", X, X, out=SCALAR), 3 * 84 + 1),
    (call("var", X, (2,), out=ROW), 4 * 84 + 2 * 21),
    (call("var_mean", X, (2,), out=(ROW, ROW)), 4 * 84 + 2 * 21),
    (call("std", X, (2,), out=ROW), 4 * 84 + 3 * 21),
    (call("std_mean", X, (2,), out=(ROW, ROW)), 4 * 84 + 3 * 21),
    (call("_softmax", X, -1, False, out=X), 5 * 84),
    (call("_safe_softmax", X, -1, out=X), 6 * 84),
    (call("_log_softmax", X, -1, False, out=X), 5 * 84 + 2 * 21),
    (call("_log_softmax", X, 1, False, out=X), 5 * 84 + 2 * 28),
    (call("_log_softmax", SCALAR, 0, False, out=SCALAR), 5 + 2),
    (call("_softmax_backward_data", X, X, -1, "float32", out=X), 4 * 84),
    (call("_log_softmax_backward_data", X, X, -1, "float32", out=X), 4 * 84),
    (call("logsumexp", X, (2,), out=ROW), 4 * 84 + 2 * 21),
    # IMAGE has 7*3*8*8 = 1344 elements and 3 channels.
    (call("native_batch_norm", IMAGE, *[THREE] * 4, True, 0.1, 1e-5, out=(IMAGE, THREE, THREE)), 8 * 1344 + 12 * 3),
    (call("native_batch_norm", IMAGE, *[THREE] * 4, False, 0.1, 1e-5, out=(IMAGE, THREE, THREE)), 4 * 1344 + 3 * 3),
    (call("native_batch_norm_backward", IMAGE, IMAGE, *[THREE] * 5, True, 1e-5, EVERY, out=IMAGE), 9 * 1344 + 4 * 3),
    (
        call(
            "native_batch_norm_backward", IMAGE, IMAGE, *[THREE] * 5, True, 1e-5, (False, True, True), out=(None, THREE)
        ),
        5 * 1344,
    ),
    (call("native_layer_norm", X, (4,), FOUR, FOUR, 1e-5, out=(X, ROW, ROW)), 8 * 84 + 5 * 21),
    (call("native_layer_norm", X, (4,), FOUR, None, 1e-5, out=(X, ROW, ROW)), 7 * 84 + 5 * 21),
    (call("native_layer_norm_backward", X, X, (4,), ROW, ROW, FOUR, FOUR, EVERY, out=X), 13 * 84 + 2 * 21),
    (
        call("native_layer_norm_backward", X, X, (4,), ROW, ROW, None, None, (True, False, False), out=X),
        9 * 84 + 2 * 21,
    ),
    (
        call("native_layer_norm_backward", X, X, (4,), ROW, ROW, FOUR, FOUR, (False, True, True), out=(None, FOUR)),
        5 * 84,
    ),
    (call("native_layer_norm_backward", X, X, (4,), ROW, ROW, FOUR, FOUR, (False, False, True), out=(None, FOUR)), 84),
    (call("native_group_norm", IMAGE, THREE, THREE, 7, 3, 64, 3, 1e-5, out=(IMAGE, ROW, ROW)), 8 * 1344 + 5 * 21),
    (call("native_group_norm", IMAGE, None, None, 7, 3, 64, 3, 1e-5, out=(IMAGE, ROW, ROW)), 6 * 1344 + 5 * 21),
    (
        call("native_group_norm_backward", IMAGE, IMAGE, ROW, ROW, THREE, 7, 3, 64, 3, EVERY, out=IMAGE),
        13 * 1344 + 2 * 21,
    ),
    # 6 filters of 75 weights, one norm for each.
    (call("_weight_norm_interface", FILTERS, FILTER_NORMS, 0, out=(FILTERS, FILTER_NORMS)), 3 * 450 + 2 * 6),
    (
        call("_weight_norm_interface_backward", FILTERS, FILTERS, FILTER_NORMS, FILTER_NORMS, 0, out=FILTERS),
        5 * 450 + 4 * 6,
    ),
    # SMALL has 7*3*4*4 = 336 elements, SHORT twice as many.
    (call("max_pool2d_with_indices", IMAGE, (3, 2), (2, 2), out=(SMALL, SMALL)), 336 * 6),
    (call("max_pool2d_with_indices", IMAGE, (3,), (2,), out=(SMALL, SMALL)), 336 * 9),
    (call("max_pool3d_with_indices", VIDEO, (2, 3, 3), (2, 2, 2), out=(SHORT, SHORT)), 672 * 18),
    (call("avg_pool2d", IMAGE, (3, 2), (2, 2), out=SMALL), 336 * 7),
    (call("avg_pool3d", VIDEO, (2,), (2,), out=SHORT), 672 * 9),
    (call("avg_pool2d_backward", SMALL, IMAGE, (3, 2), (2, 2), (0, 0), False, True, None, out=IMAGE), 336 * 7),
    (call("avg_pool3d_backward", SHORT, VIDEO, (2, 2, 2), (2, 2, 2), (0, 0, 0), False, True, None, out=VIDEO), 672 * 9),
    (call("_adaptive_avg_pool2d", IMAGE, (4, 4), out=SMALL), 1344 + 336),
    (call("_adaptive_avg_pool2d_backward", SMALL, IMAGE, out=IMAGE), 336 + 1344),
    (call("_adaptive_avg_pool3d", VIDEO, (2, 4, 4), out=SHORT), 5376 + 672),
    (call("_adaptive_avg_pool3d_backward", SHORT, VIDEO, out=VIDEO), 672 + 5376),
    (call("adaptive_max_pool2d", IMAGE, (4, 4), out=(SMALL, SMALL)), 1344),
    (call("adaptive_max_pool3d", VIDEO, (2, 4, 4), out=(SHORT, SHORT)), 5376),
    *(
        over_the_gradient(f"{kind}_backward", IMAGE)
        for kind in (
            *("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d"),
            *(f"{pad}_pad{dims}d" for pad in ("reflection", "replication") for dims in (1, 2, 3)),
            *(f"{up}{dims}d" for up in ("upsample_nearest", "_upsample_nearest_exact") for dims in (1, 2, 3)),
        )
    ),
    over_the_gradient("embedding_dense_backward", Tensor((100, 4))),
    over_the_gradient("unfold_backward", ROW),
    over_the_gradient("col2im", ROW),
    # Each element of the gradient is multiplied by a weight for each neighbour, and added to it.
    (call("upsample_linear1d_backward", X, (4,), (7, 3, 2), False, out=ROW), (2 + 2) * 84),
    (call("upsample_bilinear2d_backward", IMAGE, (8, 8), (7, 3, 4, 4), False, out=SMALL), (4 + 4) * 1344),
    (call("upsample_bicubic2d_backward", IMAGE, (8, 8), (7, 3, 4, 4), False, out=SMALL), (16 + 16) * 1344),
    (call("upsample_trilinear3d_backward", VIDEO, (4, 8, 8), (7, 3, 2, 4, 4), False, out=SHORT), (8 + 8) * 5376),
    # 7*2 indices, and 84 elements put into a table of 100 rows.
    (call("index_put", Tensor((100, 4)), (ROW,), X, True, out=Tensor((100, 4))), 84),
    (call("index_put", Tensor((100, 4)), (ROW,), X, out=Tensor((100, 4))), 0),
    (call("_index_put_impl_", Tensor((100, 4)), (ROW,), X, True, True, out=Tensor((100, 4))), 84),
    (call("_unsafe_index_put", Tensor((100, 4)), (ROW,), X, True, out=Tensor((100, 4))), 84),
    (call("index_add", Tensor((100, 3, 4)), 0, TARGET, X, out=Tensor((100, 3, 4))), 84),
    (call("index_add_", Tensor((100, 3, 4)), 0, TARGET, X, alpha=2, out=Tensor((100, 3, 4))), 2 * 84),
    (call("scatter_add", Tensor((100, 5)), 1, INDEX, LOGITS, out=Tensor((100, 5))), 14),
    (call("scatter_reduce", Tensor((100, 5)), 1, INDEX, LOGITS, "amax", out=Tensor((100, 5))), 14),
    # 7 targets; 84 elements under the other losses. Reductions: 0 none, 1 mean, 2 sum.
    (call("nll_loss_forward", LOGITS, TARGET, None, 1, -100, out=(SCALAR, SCALAR)), 7 + 7 + 1),
    (call("nll_loss_forward", LOGITS, TARGET, None, 2, -100, out=(SCALAR, SCALAR)), 7 + 7),
    (call("nll_loss_forward", LOGITS, TARGET, FOUR, 1, -100, out=(SCALAR, SCALAR)), 7 + 7 + 7 + 7 + 1),
    (call("nll_loss2d_forward", LOGITS, TARGET, FOUR, 0, -100, out=(TARGET, SCALAR)), 7 + 7),
    (call("nll_loss_backward", SCALAR, LOGITS, TARGET, None, 1, -100, SCALAR, out=LOGITS), 7 + 7),
    (call("nll_loss_backward", SCALAR, LOGITS, TARGET, None, 2, -100, SCALAR, out=LOGITS), 7),
    (call("nll_loss2d_backward", SCALAR, LOGITS, TARGET, FOUR, 1, -100, SCALAR, out=LOGITS), 7 + 7 + 7),
    (call("mse_loss", X, X, out=SCALAR), 2 * 84 + 84 + 1),
    (call("mse_loss", X, X, 0, out=X), 2 * 84),
    (call("huber_loss", X, X, 2, 1.0, out=SCALAR), 5 * 84 + 84),
    (call("smooth_l1_loss", X, X, 1, 1.0, out=SCALAR), 6 * 84 + 84 + 1),
    (call("binary_cross_entropy", X, X, out=SCALAR), 9 * 84 + 84 + 1),
    (call("binary_cross_entropy", X, X, X, 0, out=X), 9 * 84 + 84),
    (call("binary_cross_entropy_backward", SCALAR, X, X, out=X), 6 * 84),
    (call("binary_cross_entropy_backward", SCALAR, X, X, X, out=X), 7 * 84),
    (call("binary_cross_entropy_with_logits", X, X, out=SCALAR), 10 * 84 + 84 + 1),
    (call("binary_cross_entropy_with_logits", X, X, X, FOUR, 2, out=SCALAR), (10 + 1 + 4) * 84 + 84),
]


@pytest.mark.parametrize(("example", "flops"), EXAMPLES, ids=[example.packet for example, _ in EXAMPLES])
def test_a_special_rule_by_hand(example: Call, flops: int) -> None:
    assert arithmetic.count(example) == {"other": flops}


def with_symbol(value: object) -> object:
    if isinstance(value, Tensor):
        return Tensor(tuple(Polynomial.symbol("N") if extent == BATCH else extent for extent in value.dims))
    return tuple(map(with_symbol, value)) if isinstance(value, tuple) else value


@pytest.mark.parametrize(("example", "flops"), EXAMPLES, ids=[example.packet for example, _ in EXAMPLES])
def test_a_special_rule_on_symbols(example: Call, flops: int) -> None:
    symbolic = Call(
        example.packet,
        with_symbol(example.args),
        {name: with_symbol(value) for name, value in example.kwargs.items()},
        with_symbol(example.outputs),
    )
    assert Polynomial.of(arithmetic.count(symbolic)["other"]).evaluate({"N": BATCH}) == flops


def test_every_special_rule_has_an_example() -> None:
    assert {example.packet.removesuffix("_") for example, _ in EXAMPLES} == set(SPECIAL)


MATRIX, BATCHED, VECTOR = Tensor((5, 6)), Tensor((BATCH, 5, 6)), Tensor((6,))
QUERY, KEY, VALUE = Tensor((BATCH, 2, 9, 4)), Tensor((BATCH, 1, 11, 4)), Tensor((BATCH, 1, 11, 3))
OUT, LOG_SUMS, MASK = Tensor((BATCH, 2, 9, 3)), Tensor((BATCH, 9, 2)), Tensor((9, 11))
SCORES = 7 * 2 * 9 * 11
FLASH = "_scaled_dot_product_flash_attention_for_cpu"


@pytest.mark.parametrize(
    ("example", "cost"),
    [
        (call("mm", MATRIX, Tensor((6, 8)), out=Tensor((5, 8))), {"matmul": 2 * 5 * 6 * 8}),
        (call("mv", MATRIX, VECTOR, out=Tensor((5,))), {"matmul": 2 * 5 * 6}),
        (call("dot", VECTOR, VECTOR, out=SCALAR), {"matmul": 2 * 6}),
        (call("addmm", Tensor((8,)), MATRIX, Tensor((6, 8)), out=Tensor((5, 8))), {"matmul": 480, "other": 40}),
        (call("bmm", BATCHED, Tensor((7, 6, 8)), out=Tensor((7, 5, 8))), {"matmul": 7 * 480}),
        (
            call("baddbmm", Tensor((7, 5, 8)), BATCHED, Tensor((7, 6, 8)), out=Tensor((7, 5, 8))),
            {"matmul": 7 * 480, "other": 7 * 40},
        ),
        (
            call("baddbmm", Tensor((5, 8)), BATCHED, Tensor((7, 6, 8)), beta=0.5, alpha=0.1, out=Tensor((7, 5, 8))),
            {"matmul": 7 * 480, "other": 3 * 7 * 40},  # the sum and two multiplications
        ),
        (
            call("baddbmm_", Tensor((7, 5, 8)), BATCHED, Tensor((7, 6, 8)), beta=0, out=Tensor((7, 5, 8))),
            {"matmul": 7 * 480, "other": 0},
        ),
        (
            call(FLASH, QUERY, KEY, VALUE, out=(OUT, LOG_SUMS)),
            {"matmul": 2 * SCORES * 4 + 2 * SCORES * 3, "other": 6 * SCORES + 2 * 126},
        ),
        (
            call(FLASH, QUERY, KEY, VALUE, 0.0, False, attn_mask=MASK, out=(OUT, LOG_SUMS)),
            {"matmul": 2 * SCORES * 4 + 2 * SCORES * 3, "other": 7 * SCORES + 2 * 126},
        ),
        (
            # scores (e), gradient of the values (ev), of the weights (ev), of query and key (e each)
            call(f"{FLASH}_backward", OUT, QUERY, KEY, VALUE, OUT, LOG_SUMS, 0.0, True, out=(QUERY, KEY, VALUE)),
            {"matmul": 2 * SCORES * (4 + 3 + 3 + 4 + 4), "other": 6 * SCORES + 2 * 126 * 3},
        ),
    ],
    ids=lambda value: value.packet if isinstance(value, Call) else "",
)
def test_a_product_by_hand(example: Call, cost: dict[str, int]) -> None:
    assert arithmetic.count(example) == cost


def test_fused_attention_on_symbols() -> None:
    n, s = Polynomial.symbol("N"), Polynomial.symbol("S")
    x = Tensor((n, 2, s, 4))
    forward = arithmetic.count(call(FLASH, x, x, x, out=(x, Tensor((n, s, 2)))))
    assert forward == {"matmul": 32 * n * s * s, "other": 12 * n * s * s + 4 * n * s}
    backward = arithmetic.count(call(f"{FLASH}_backward", *[x] * 5, Tensor((n, s, 2)), 0.0, True, out=(x, x, x)))
    assert backward == {"matmul": 80 * n * s * s, "other": 12 * n * s * s + 16 * n * s}


def svd(*dims: int | Polynomial) -> dict[str, int | Polynomial] | None:
    return arithmetic.count(call("_linalg_svd", Tensor(dims), False, True, out=(None, None, None)))


@pytest.mark.parametrize("side", [1, 2, 3, 10])
def test_the_svd_of_a_matrix_with_one_long_side_is_a_polynomial(side: int) -> None:
    r = Polynomial.symbol("r")
    long = side * r + side  # at least twice the other side
    for dims in ((side, long), (long, side), (Polynomial.of(side), long)):
        flops = svd(*dims)["svd"]
        assert [flops.evaluate({"r": rank}) for rank in (1, 2, 7)] == [
            thin_svd(side * (rank + 1), side) for rank in (1, 2, 7)
        ]
    assert svd(5, side, long)["svd"] == 5 * svd(side, long)["svd"]
    assert svd(Polynomial.of(side), 30) == {"svd": thin_svd(side, 30)}


def test_an_svd_whose_way_depends_on_the_size_is_refused() -> None:
    r = Polynomial.symbol("r")
    assert svd(6, 11 * r) == {"svd": 6 * 11 * r * 36 + 16 * 216 // 3}
    for dims in ((6, 10 * r), (r, 1), (r, r), (2, 9 * r - 1)):
        with pytest.raises(LiftError, match="no closed form"):
            svd(*dims)


def test_alpha_costs_a_multiplication() -> None:
    x = Tensor((2, 3))
    assert arithmetic.count(Call("add_", (x, x), {}, (x,))) == {"other": 6}
    assert arithmetic.count(Call("add_", (x, x), {"alpha": -0.1}, (x,))) == {"other": 12}


def test_each_operator_is_in_one_table() -> None:
    tables = [set(PER_ELEMENT), set(SPECIAL), set(MOVES), set(arithmetic.PRODUCTS)]
    assert sum(map(len, tables)) == len(set.union(*tables))
    assert set(SPECIAL) == set(SPECIAL_WHY)


def test_each_operator_is_one_of_torch() -> None:
    names = {*PER_ELEMENT, *SPECIAL, *MOVES, *arithmetic.PRODUCTS}
    assert not {name for name in names if not hasattr(torch.ops.aten, name)}


@pytest.mark.parametrize("operator", SCHEMAS)
def test_arguments_are_named_as_torch_names_them(operator: str) -> None:
    """In every overload that takes a tensor first, each argument has that place or keyword, and that default."""
    packet = getattr(torch.ops.aten, operator, None) or getattr(torch.ops.aten, f"{operator}_")
    known, compared = signature(SCHEMAS[operator]), 0
    for overload in packet.overloads():
        schema = getattr(packet, overload)._schema
        if str(schema.arguments[0].type) != "Tensor" or any(argument.is_out for argument in schema.arguments):
            continue
        given = {argument.name: argument for argument in schema.arguments}
        places = {name: place for place, name in enumerate(given) if name in known.places}
        defaults = {name: one.default_value for name, one in given.items() if one.has_default_value()}
        assert places == known.places
        assert {name: _plain(value) for name, value in defaults.items()} == known.defaults
        compared += 1
    assert compared


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def test_an_argument_is_found_by_its_name() -> None:
    x = Tensor((2, 3))
    pool = call("max_pool2d_with_indices", IMAGE, (3, 2), out=(SMALL, SMALL))
    assert (pool.arg("kernel_size"), pool.arg("stride"), pool.arg("ceil_mode")) == ((3, 2), (), False)
    assert call("sub_", x, x, 3, out=x).arg("alpha") == call("sub", x, x, alpha=3, out=x).arg("alpha") == 3
    # of addmm.dtype, the fourth argument is no beta
    assert call("addmm", x, x, x, "float32", out=x).arg("beta") == 1


@pytest.mark.parametrize(
    ("example", "name", "message"),
    [
        (call("mm", X, X, out=X), "weight", "'mm' was given no 'weight': it takes self, mat2"),
        (call("mm", X, out=X), "mat2", "'mm' was given no 'mat2': it takes self, mat2"),
        (call("mylib::op", X, out=X), "x", "the arguments of 'mylib::op' are not known by name"),
    ],
)
def test_an_argument_that_is_not_there_is_named(example: Call, name: str, message: str) -> None:
    with pytest.raises(LookupError) as raised:
        example.arg(name)
    assert raised.value.args == (message,)


def test_each_convention_has_its_counter() -> None:
    assert tuple(COUNTERS) == CONVENTIONS
    counted = {name: count(depthwise_backward(96, 56, (True, True, False))) for name, count in COUNTERS.items()}
    macs = 96 * 56 * 56 * 9
    assert counted["arithmetic"] == 4 * macs
    assert counted["torch"] == 2 * macs + 2 * macs * 96  # torch's overcount of a grouped weight gradient
    assert counted["paper"] == 2 * (macs + 96 * 56 * 56) + 2 * (macs * 96 + 96 * 9)


def test_each_phase_is_named_once() -> None:
    named = {(step, phase): phase_of(step, phase) for step in range(STEPS) for phase in STEP_PHASES}
    assert sorted(named.values()) == sorted((*PHASES, *FIRST.values()))
