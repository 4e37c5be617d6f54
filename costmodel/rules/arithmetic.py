"""Convention ``arithmetic``: multiplications and additions that are really needed.

Matmul-like operators cost two FLOPs for each multiply-accumulate, with a convolution's groups dividing all three of its
products alike. Everything else goes by the table in `elementwise`.
"""

from __future__ import annotations

from collections.abc import Callable

from costmodel.algebra.polynomial import Polynomial
from costmodel.errors import LiftError
from costmodel.rules.aten import plain
from costmodel.rules.call import Call, Cost, Extent, product
from costmodel.rules.elementwise import MOVES, PER_ELEMENT, SPECIAL
from costmodel.rules.registry import registered


def _mm(call: Call) -> Cost:
    """(m, k)(k, n): 2mkn."""
    (m, k), (_, n) = call.tensor("self").dims, call.tensor("mat2").dims
    return {"matmul": 2 * m * k * n}


def _addmm(call: Call) -> Cost:
    """As mm, and one addition for each output element, with a multiplication for an alpha or beta that needs one."""
    (m, k), (_, n) = call.tensor("mat1").dims, call.tensor("mat2").dims
    return {"matmul": 2 * m * k * n, "other": _added(call) * m * n}


def _added(call: Call) -> int:
    """FLOPs for each output element of beta * self + alpha * product."""
    alpha, beta = call.arg("alpha"), call.arg("beta")
    return int(beta != 0) + int(beta not in (0, 1)) + int(alpha != 1)


def _bmm(call: Call) -> Cost:
    """(b, m, k)(b, k, n): 2bmkn."""
    (b, m, k), (_, _, n) = call.tensor("self").dims, call.tensor("mat2").dims
    return {"matmul": 2 * b * m * k * n}


def _baddbmm(call: Call) -> Cost:
    """As bmm, with what addmm adds."""
    (b, m, k), (_, _, n) = call.tensor("batch1").dims, call.tensor("batch2").dims
    return {"matmul": 2 * b * m * k * n, "other": _added(call) * b * m * n}


def _mv(call: Call) -> Cost:
    """(m, k)(k,): 2mk; a dot product has m = 1."""
    return {"matmul": 2 * call.first.numel}


def _convolution(call: Call) -> Cost:
    """2 * positions * (weight elements for each output channel), and one addition per output for a bias.

    ``weight`` is (C_out, C_in / groups, kernel), so the product of its trailing dims has the groups divided out. A
    transposed convolution has (C_in, C_out / groups, kernel) and slides over its input.
    """
    out = call.out
    slid = call.tensor("input") if call.arg("transposed") else out
    added = out.numel if call.arg("bias") is not None else 0
    return {"matmul": 2 * slid.numel * product(call.tensor("weight").dims[1:]), "other": added}


def _convolution_backward(call: Call) -> Cost:
    """Input gradient and weight gradient each cost what the forward product costs; a bias gradient sums the gradient.

    grad_input = grad * weight needs each multiply-accumulate of the forward pass once, and so does
    grad_weight = input * grad, whatever the groups.
    """
    grad = call.tensor("grad_output")
    slid = call.tensor("input") if call.arg("transposed") else grad
    for_input, for_weight, for_bias = map(int, call.arg("output_mask"))
    one = 2 * slid.numel * product(call.tensor("weight").dims[1:])
    return {"matmul": (for_input + for_weight) * one, "other": for_bias * grad.numel}


def _attention(call: Call) -> Cost:
    """Fused attention: scores = query * key and scores * value, (b, h, s, e)(b, h, t, e) and (b, h, s, t)(b, h, t, ev).

    Each score is scaled and goes through a softmax (1 + 5 FLOPs), a mask is added to it (1); each row's log-sum-exp is
    kept for the backward pass (2). Nothing is saved where a causal mask hides scores.
    """
    (b, h, s, e), (_, _, t, ev) = call.tensor("query").dims, call.tensor("value").dims
    scores = b * h * s * t
    return {"matmul": 2 * scores * (e + ev), "other": (6 + _masked(call)) * scores + 2 * b * h * s}


def _attention_backward(call: Call) -> Cost:
    """Five products: the scores again, and the gradients of value, of the weights, of query and of key.

    For each score 6 FLOPs: scaled, less the row's log-sum-exp, exponential, and of the gradient g of the weights w:
    (g - d) * w, scaled; a mask is added (1). d is the row's sum of output * gradient (2 for each output element).
    """
    (b, h, s, e), (_, _, t, ev) = call.tensor("query").dims, call.tensor("value").dims
    scores = b * h * s * t
    return {"matmul": 2 * scores * (3 * e + 2 * ev), "other": (6 + _masked(call)) * scores + 2 * b * h * s * ev}


def _masked(call: Call) -> int:
    return int(call.arg("attn_mask") is not None)


def _lstm(call: Call) -> Cost:
    """OneDNN's fused LSTM layer in one direction: for each of T x N inputs of I, four gates of h from (I + h) numbers.

    For each hidden element: of each gate two additions and a sigmoid or a hyperbolic tangent, and of c = f*c + i*g and
    h = o*tanh(c) three products, one addition and a tangent.
    """
    (steps, batch, inputs), hidden = call.tensor("input").dims, call.arg("hidden_size")
    gates = 4 * hidden * steps * batch
    return {"matmul": 2 * gates * (inputs + hidden), "other": _LSTM_FORWARD * hidden * steps * batch}


def _lstm_backward(call: Call) -> Cost:
    """Gradients of inputs, states and both weights: twice the forward products, whatever is asked for."""
    (steps, batch, inputs), hidden = call.tensor("input").dims, call.arg("hidden_size")
    gates = 4 * hidden * steps * batch
    return {"matmul": 4 * gates * (inputs + hidden), "other": _LSTM_BACKWARD * hidden * steps * batch}


_LSTM_FORWARD = 4 * 2 + 3 * 4 + 2 * 1 + 4
"""Two additions to each gate, three sigmoids of 4, two tangents, three products and an addition."""

_LSTM_BACKWARD = 3 * 3 + 2 * 3 + 7 + 4
"""Derivatives of three sigmoids and two tangents, 3 each; six products and an addition between states and gates; and
an addition for each gate to the gradient of the bias."""


def thin_svd(m: int, n: int) -> int:
    """FLOPs of a thin SVD of an m x n matrix by LAPACK's gesdd, the data-dependent bidiagonal part left out.

    With m >= n (else transposed), by the operation counts of LAPACK Working Note 41:

    * m < 11n/6: gebrd (4mn^2 - (4/3)n^3), ormbr for U (4mn^2 - 2n^3) and for V (2n^3): 8mn^2 - (4/3)n^3.
    * else QR first: geqrf and orgqr (2mn^2 - (2/3)n^3 each), gebrd of R ((8/3)n^3), ormbr twice (2n^3 each), and the
      product Q*U (2mn^2): 6mn^2 + (16/3)n^3.

    The divide and conquer on the bidiagonal matrix depends on the data and can only be bounded, so it is not counted.
    Thirds are rounded down to an integer.
    """
    m, n = max(m, n), min(m, n)
    if 6 * m < 11 * n:
        return (24 * m * n**2 - 4 * n**3) // 3
    return (18 * m * n**2 + 16 * n**3) // 3


def _svd(call: Call) -> Cost:
    """Thin SVDs of a batch of matrices, one side constant and the other so much longer that a QR comes first.

    Raises:
        LiftError: when it depends on the sizes whether it does, or both sides vary.
    """
    m, n = (Polynomial.of(side) for side in call.first.dims[-2:])
    flops: Extent
    if m.constant is not None and n.constant is not None:
        flops = thin_svd(m.constant, n.constant)
    else:
        long, short = (n, m.constant) if m.constant is not None else (m, n.constant)
        if short is None or 6 * _smallest(long) < 11 * short:
            raise LiftError("the SVD of a matrix whose size is not constant has no closed form here")
        flops = 6 * long * short**2 + 16 * short**3 // 3
    return {"svd": product(call.first.dims[:-2]) * flops}


def _smallest(size: Polynomial) -> int:
    """Return the smallest value for positive symbols, or 0 where a negative term keeps it from being told."""
    coefficients = size.terms.values()
    return sum(coefficients) if min(coefficients) >= 0 else 0


PRODUCTS: dict[str, Callable[[Call], Cost]] = {
    "mm": _mm,
    "addmm": _addmm,
    "bmm": _bmm,
    "baddbmm": _baddbmm,
    "mv": _mv,
    "dot": _mv,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "_linalg_svd": _svd,
    "mkldnn_rnn_layer": _lstm,
    "mkldnn_rnn_layer_backward": _lstm_backward,
}
"""Operators that cost ``matmul`` or ``svd``."""


def count(call: Call) -> Cost | None:
    """FLOPs of one call by kind; an empty mapping for data movement; ``None`` for an operator without a rule."""
    name = plain(call.packet)
    rule = registered("arithmetic", name) or PRODUCTS.get(name)
    if rule:
        return rule(call)
    special = SPECIAL.get(name)
    if special:
        return {"other": special(call)}
    cost = PER_ELEMENT.get(name)
    if cost:
        return {"other": cost.flops * call.out.numel}
    return {} if name in MOVES else None


def total(call: Call) -> Extent:
    """FLOPs of one call, all kinds together; 0 for an operator without a rule."""
    return sum((count(call) or {}).values())
