"""Costs of everything that is not a matrix product: the tables, with the reasoning of each number.

A FLOP is one addition, subtraction, multiplication, division, comparison, square root or transcendental function of one
element, whatever its type. Choosing between two values, combining truth values, drawing random numbers and moving data
are free; where an element can go two ways, the longer one counts. ``docs/conventions.md`` prints these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from costmodel.rules.call import Call, Extent
from costmodel.rules.reductions import REDUCTIONS


@dataclass(frozen=True, slots=True)
class ElementCost:
    """FLOPs for each output element, and what they are."""

    flops: int
    why: str


def _each(flops: int, why: str, *names: str) -> dict[str, ElementCost]:
    return dict.fromkeys(names, ElementCost(flops, why))


PER_ELEMENT: dict[str, ElementCost] = {
    # arithmetic
    "mul": ElementCost(1, "one multiplication"),
    "neg": ElementCost(1, "one negation"),
    "reciprocal": ElementCost(1, "one division"),
    "sqrt": ElementCost(1, "one square root"),
    "rsqrt": ElementCost(2, "one square root, one division"),
    "lerp": ElementCost(3, "a + w*(b - a)"),
    "addcmul": ElementCost(3, "a + value*b*c"),
    "addcdiv": ElementCost(3, "a + value*b/c"),
    "cumsum": ElementCost(1, "one addition"),
    "cumprod": ElementCost(1, "one multiplication"),
    "div": ElementCost(1, "one division"),
    **_each(1, "one division; its rounding or rest is part of it", "floor_divide", "fmod", "remainder"),
    **_each(1, "one rounding, as a comparison", "ceil", "floor", "frac", "round", "trunc"),
    # comparisons
    **_each(1, "one comparison", "eq", "ge", "gt", "le", "lt", "ne"),
    **_each(1, "one comparison", "clamp_max", "clamp_min", "cummax", "cummin", "fmax", "fmin", "maximum", "minimum"),
    **_each(1, "one comparison", "abs", "isnan", "isneginf", "isposinf"),
    **_each(2, "two comparisons", "heaviside", "isinf", "sgn", "sign"),
    "nan_to_num": ElementCost(3, "three comparisons"),
    "bernoulli": ElementCost(1, "one comparison with a random number (drawing it is not counted)"),
    # transcendental functions
    **_each(1, "one exponential", "exp", "exp2"),
    "expm1": ElementCost(2, "one exponential, - 1"),
    **_each(1, "one logarithm", "log", "log10", "log2"),
    "log1p": ElementCost(2, "1 + x, one logarithm"),
    "logit": ElementCost(3, "1 - x, one division, one logarithm"),
    "xlogy": ElementCost(3, "one comparison with 0, one logarithm, one multiplication"),
    **_each(6, "one comparison, difference, exponential, 1 +, logarithm, sum", "logaddexp", "logcumsumexp"),
    "pow": ElementCost(1, "one power, as a transcendental function, whatever the exponent"),
    **_each(1, "one transcendental function", "acos", "asin", "atan", "cos", "cosh", "sin", "sinh", "tan", "tanh"),
    **_each(1, "one transcendental function", "erf", "erfc", "erfinv"),
    "atan2": ElementCost(2, "one division, one arctangent"),
    # activations
    "relu": ElementCost(1, "one comparison"),
    "threshold": ElementCost(1, "one comparison"),
    "threshold_backward": ElementCost(1, "one comparison; the gradient passes or not"),
    "hardtanh": ElementCost(2, "two comparisons (ReLU6)"),
    "hardtanh_backward": ElementCost(2, "two comparisons; the gradient passes or not"),
    "hardsigmoid": ElementCost(4, "x + 3, two comparisons, division by 6"),
    "hardsigmoid_backward": ElementCost(3, "two comparisons, one multiplication by 1/6"),
    "hardswish": ElementCost(5, "x + 3, two comparisons, times x, division by 6"),
    "hardswish_backward": ElementCost(5, "two comparisons, x/3, + 1/2, times the gradient"),
    "hardshrink": ElementCost(2, "two comparisons"),
    "hardshrink_backward": ElementCost(2, "two comparisons; the gradient passes or not"),
    "softshrink": ElementCost(3, "two comparisons, one subtraction"),
    "softshrink_backward": ElementCost(2, "two comparisons; the gradient passes or not"),
    **_each(2, "one comparison, times the slope", "leaky_relu", "leaky_relu_backward", "_prelu_kernel"),
    "_prelu_kernel_backward": ElementCost(3, "one comparison, the gradient times the slope and times x"),
    "rrelu_with_noise": ElementCost(2, "one comparison, times the drawn slope"),
    "rrelu_with_noise_backward": ElementCost(1, "the gradient times the drawn slope"),
    "elu": ElementCost(4, "one comparison, exponential, - 1, times alpha (and SELU's scale, as one number)"),
    "elu_backward": ElementCost(4, "one comparison, exponential, times alpha, times the gradient"),
    "celu": ElementCost(5, "one comparison, x/alpha, exponential, - 1, times alpha"),
    "sigmoid": ElementCost(4, "1/(1 + exp(-x))"),
    "sigmoid_backward": ElementCost(3, "1 - y, times y, times the gradient"),
    "tanh_backward": ElementCost(3, "1 - y*y, times the gradient"),
    "silu": ElementCost(4, "x/(1 + exp(-x))"),
    "silu_backward": ElementCost(9, "s = sigmoid(x) again (4), grad*s*(1 + x*(1 - s))"),
    "softplus": ElementCost(6, "beta*x, one comparison, exponential, 1 +, logarithm, division by beta"),
    "softplus_backward": ElementCost(6, "beta*x, one comparison, exponential e, 1 + e, e/(1 + e), times the gradient"),
    "mish": ElementCost(5, "exponential, 1 +, logarithm, hyperbolic tangent, times x"),
    "mish_backward": ElementCost(14, "sigmoid s (4) and t = tanh(log(1 + exp(x))) (4), grad*(t + x*s*(1 - t*t))"),
    "log_sigmoid_forward": ElementCost(7, "min(x, 0) - log(1 + exp(-abs(x)))"),
    "log_sigmoid_backward": ElementCost(5, "one comparison, 1 + z, z/(1 + z), one subtraction, times the gradient"),
    "glu": ElementCost(5, "a*sigmoid(b)"),
    "glu_backward": ElementCost(4, "for a pair: s = sigmoid(b) again (4), grad*s, times a*(1 - s): 8 for two elements"),
    "native_dropout": ElementCost(3, "one comparison with a random number, times the mask, times the scale"),
    "native_dropout_backward": ElementCost(2, "times the mask, times the scale"),
    # losses
    "mse_loss_backward": ElementCost(3, "difference, times 2/n, times the gradient"),
    "huber_loss_backward": ElementCost(4, "difference, two comparisons, times the gradient"),
    "smooth_l1_loss_backward": ElementCost(5, "difference, two comparisons, division by beta, times the gradient"),
    # interpolation: the weights depend on the position only and are not counted
    "upsample_linear1d": ElementCost(3, "two neighbours: two multiplications, one addition"),
    "upsample_bilinear2d": ElementCost(9, "three linear interpolations of 3"),
    "upsample_trilinear3d": ElementCost(21, "seven linear interpolations of 3"),
    "upsample_bicubic2d": ElementCost(35, "five cubic interpolations: four multiplications, three additions each"),
}


def _scaled_sum(call: Call) -> Extent:
    return (1 if call.arg("alpha") == 1 else 2) * call.out.numel


def _clamp(call: Call) -> Extent:
    return sum(call.arg(bound) is not None for bound in ("min", "max")) * call.out.numel


def _gelu(call: Call) -> Extent:
    return (9 if call.arg("approximate") == "tanh" else 5) * call.out.numel


def _gelu_backward(call: Call) -> Extent:
    return (18 if call.arg("approximate") == "tanh" else 11) * call.out.numel


_BY_ARGUMENT: dict[str, tuple[Callable[[Call], Extent], str]] = {
    "add": (_scaled_sum, "per output element: one addition, and one multiplication where alpha is not 1"),
    "sub": (_scaled_sum, "per output element: one subtraction, and one multiplication where alpha is not 1"),
    "rsub": (_scaled_sum, "per output element: one subtraction, and one multiplication where alpha is not 1"),
    "clamp": (_clamp, "per output element: one comparison for each bound that is given"),
    "gelu": (
        _gelu,
        (
            "per output element 5: x/sqrt(2), error function, + 1, times x, times 1/2; the tanh approximation 9: "
            "x*x, times x, times 0.044715, + x, times sqrt(2/pi), tanh, + 1, times x, times 1/2"
        ),
    ),
    "gelu_backward": (
        _gelu_backward,
        (
            "per output element 11: the cumulative normal distribution again (4), its density (4: square, times -1/2, "
            "exponential, scale), times x, sum, times the gradient; the tanh approximation 18: t = tanh(u(x)) again "
            "(6), (1 + t)/2 (2), the derivative of u (3), x/2*(1 - t*t)*u' (5), sum, times the gradient"
        ),
    ),
}

SPECIAL: dict[str, Callable[[Call], Extent]] = {name: rule for name, (rule, _) in (_BY_ARGUMENT | REDUCTIONS).items()}
"""Operators whose cost is no multiple of the output's elements alone."""

SPECIAL_WHY: dict[str, str] = {name: why for name, (_, why) in (_BY_ARGUMENT | REDUCTIONS).items()}
"""What each of them counts."""


def _dims(*names: str) -> list[str]:
    return [f"{name}{dims}d" for name in names for dims in (1, 2, 3)]


MOVES = frozenset(
    {
        "_local_scalar_dense",
        "_reshape_alias",
        "_to_copy",
        "_unsafe_index",
        "_unsafe_view",
        "alias",
        "all",
        "any",
        "arange",
        "as_strided",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "bitwise_xor",
        "cat",
        "channel_shuffle",
        "clone",
        "constant_pad_nd",
        "copy",
        "detach",
        "diag_embed",
        "diagonal",
        "diagonal_backward",
        "diagonal_copy",
        "diagonal_scatter",
        "embedding",
        "empty",
        "empty_like",
        "empty_strided",
        "expand",
        "exponential",
        "eye",
        "fill",
        "flip",
        "full",
        "full_like",
        "gather",
        "im2col",
        "index",
        "index_copy",
        "index_fill",
        "index_select",
        "lift_fresh",
        "lift_fresh_copy",
        "linspace",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "masked_fill",
        "masked_scatter",
        "masked_scatter_backward",
        "native_channel_shuffle",
        "new_empty",
        "new_empty_strided",
        "new_full",
        "new_ones",
        "new_zeros",
        "normal",
        "ones",
        "ones_like",
        "permute",
        "pixel_shuffle",
        "pixel_unshuffle",
        "rand",
        "rand_like",
        "randint",
        "randint_like",
        "randn",
        "randn_like",
        "random",
        "randperm",
        "repeat",
        "roll",
        "rot90",
        "scalar_tensor",
        "scatter",
        "select",
        "select_backward",
        "select_scatter",
        "set",
        "slice",
        "slice_backward",
        "slice_scatter",
        "split",
        "split_with_sizes",
        "squeeze",
        "stack",
        "t",
        "take",
        "transpose",
        "tril",
        "triu",
        "unbind",
        "unfold",
        "uniform",
        "unsafe_split",
        "unsafe_split_with_sizes",
        "unsqueeze",
        "view",
        "view_as_complex",
        "view_as_real",
        "_conj",
        "_neg_view",
        "where",
        "zero",
        "zeros",
        "zeros_like",
        *_dims("reflection_pad", "replication_pad", "upsample_nearest", "_upsample_nearest_exact"),
    }
)
"""Operators that only make, fill, copy, choose or look at memory, or combine truth values: no arithmetic."""
