"""Costs of everything that is not a matrix product: one table, with the reasoning of each number.

A FLOP is one addition, subtraction, multiplication, division, comparison, square root or transcendental function of one
element. Choosing between two values and moving data are free. ``docs/conventions.md`` prints this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from costmodel.rules.call import Call, Extent, product


@dataclass(frozen=True, slots=True)
class ElementCost:
    """FLOPs for each output element, and what they are."""

    flops: int
    why: str


PER_ELEMENT: dict[str, ElementCost] = {
    "mul": ElementCost(1, "one multiplication"),
    "div": ElementCost(1, "one division"),
    "neg": ElementCost(1, "one negation"),
    "sqrt": ElementCost(1, "one square root"),
    "rsqrt": ElementCost(2, "one square root, one division"),
    "reciprocal": ElementCost(1, "one division"),
    "exp": ElementCost(1, "one exponential"),
    "log": ElementCost(1, "one logarithm"),
    "relu": ElementCost(1, "one comparison"),
    "threshold_backward": ElementCost(1, "one comparison; the gradient passes or not"),
    "hardtanh": ElementCost(2, "two comparisons (ReLU6)"),
    "hardtanh_backward": ElementCost(2, "two comparisons; the gradient passes or not"),
    "hardsigmoid": ElementCost(4, "x + 3, two comparisons, division by 6"),
    "hardsigmoid_backward": ElementCost(3, "two comparisons, one multiplication by 1/6"),
    "hardswish": ElementCost(5, "x + 3, two comparisons, times x, division by 6"),
    "hardswish_backward": ElementCost(5, "two comparisons, x/3, + 1/2, times the gradient"),
    "lerp": ElementCost(3, "a + w*(b - a)"),
    "addcmul": ElementCost(3, "a + value*b*c"),
    "addcdiv": ElementCost(3, "a + value*b/c"),
    "bernoulli": ElementCost(1, "one comparison with a random number (drawing it is not counted)"),
}


def _scaled_sum(call: Call) -> Extent:
    alpha = call.kwargs.get("alpha", 1)
    return (1 if alpha == 1 else 2) * call.out.numel


def _sum(call: Call) -> Extent:
    return call.first.numel


def _mean(call: Call) -> Extent:
    return call.first.numel + call.out.numel


def _norm(call: Call) -> Extent:
    return 2 * call.first.numel + call.out.numel


def _batch_norm(call: Call) -> Extent:
    training = call.args[5]
    n, c = call.first.numel, call.first.dims[1]
    return 8 * n + 12 * c if training else 4 * n + 3 * c


def _batch_norm_backward(call: Call) -> Extent:
    n, c = call.first.numel, call.first.dims[1]
    mask = call.args[9]
    # x_hat and the two sums are needed for the input gradient too, so the mask changes only the last part.
    return (5 + (4 if mask[0] else 0)) * n + (4 * c if mask[0] else 0)


def _window(call: Call) -> Extent:
    return call.out.numel * product(call.args[1])


def _window_backward(call: Call) -> Extent:
    return call.first.numel


SPECIAL: dict[str, Callable[[Call], Extent]] = {
    "add": _scaled_sum,
    "sub": _scaled_sum,
    "sum": _sum,
    "mean": _mean,
    "linalg_vector_norm": _norm,
    "native_batch_norm": _batch_norm,
    "native_batch_norm_backward": _batch_norm_backward,
    "max_pool2d_with_indices": _window,
    "max_pool2d_with_indices_backward": _window_backward,
}

SPECIAL_WHY: dict[str, str] = {
    "add": "per output element: one addition, and one multiplication where alpha is not 1",
    "sub": "per output element: one subtraction, and one multiplication where alpha is not 1",
    "sum": "one addition per input element",
    "mean": "one addition per input element, one division per output element",
    "linalg_vector_norm": "a square and an addition per input element, a square root per output element",
    "native_batch_norm": (
        "training, per element: 1 for the mean, 3 for the variance, 2 to normalise, 2 for scale and shift; per channel "
        "12 (two divisions, eps, square root, reciprocal, and the running statistics). "
        "Inference: 4 per element, 3 per channel"
    ),
    "native_batch_norm_backward": (
        "per element: 2 to normalise again, 1 to sum the gradient, 2 to sum its product with the normalised input; "
        "where the input gradient is wanted 4 more per element and 4 per channel"
    ),
    "max_pool2d_with_indices": "one comparison per element of each window",
    "max_pool2d_with_indices_backward": "one addition per element of the gradient",
}

MOVES = frozenset(
    {
        "_local_scalar_dense",
        "_reshape_alias",
        "_to_copy",
        "_unsafe_view",
        "alias",
        "as_strided",
        "clone",
        "copy",
        "detach",
        "diag_embed",
        "diagonal",
        "diagonal_copy",
        "empty",
        "empty_like",
        "empty_strided",
        "expand",
        "eye",
        "fill",
        "lift_fresh",
        "new_empty",
        "new_empty_strided",
        "new_zeros",
        "ones_like",
        "permute",
        "select",
        "slice",
        "squeeze",
        "t",
        "transpose",
        "unsqueeze",
        "view",
        "zero",
        "zeros",
        "zeros_like",
    }
)
"""Operators that only make, fill, copy or look at memory: no arithmetic."""
