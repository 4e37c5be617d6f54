"""Convention ``arithmetic``: multiplications and additions that are really needed.

Matmul-like operators cost two FLOPs for each multiply-accumulate, with a convolution's groups dividing all three of its
products alike. Everything else goes by the table in `elementwise`.
"""

from __future__ import annotations

from collections.abc import Callable

from costmodel.rules.call import Call, Extent, product
from costmodel.rules.elementwise import MOVES, PER_ELEMENT, SPECIAL

Cost = dict[str, Extent]
"""FLOPs by kind: ``matmul``, ``svd``, ``other``."""

_TRANSPOSED, _MASK = 6, 10


def _mm(call: Call) -> Cost:
    """(m, k)(k, n): 2mkn."""
    (m, k), (_, n) = call.args[0].dims, call.args[1].dims
    return {"matmul": 2 * m * k * n}


def _addmm(call: Call) -> Cost:
    """As mm, and one addition for each output element."""
    (m, k), (_, n) = call.args[1].dims, call.args[2].dims
    return {"matmul": 2 * m * k * n, "other": m * n}


def _bmm(call: Call) -> Cost:
    """(b, m, k)(b, k, n): 2bmkn."""
    (b, m, k), (_, _, n) = call.args[0].dims, call.args[1].dims
    return {"matmul": 2 * b * m * k * n}


def _convolution(call: Call) -> Cost:
    """2 * positions * (weight elements for each output channel), and one addition per output for a bias.

    ``weight`` is (C_out, C_in / groups, kernel), so the product of its trailing dims has the groups divided out. A
    transposed convolution has (C_in, C_out / groups, kernel) and slides over its input.
    """
    x, weight, bias = call.args[:3]
    out = call.out
    slid = x if call.args[_TRANSPOSED] else out
    return {"matmul": 2 * slid.numel * product(weight.dims[1:]), "other": out.numel if bias is not None else 0}


def _convolution_backward(call: Call) -> Cost:
    """Input gradient and weight gradient each cost what the forward product costs; a bias gradient sums the gradient.

    grad_input = grad * weight needs each multiply-accumulate of the forward pass once, and so does
    grad_weight = input * grad, whatever the groups.
    """
    grad, x, weight = call.args[:3]
    mask = call.args[_MASK]
    slid = x if call.args[7] else grad
    products = int(mask[0]) + int(mask[1])
    return {"matmul": products * 2 * slid.numel * product(weight.dims[1:]), "other": grad.numel if mask[2] else 0}


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
    m, n = call.first.dims[-2:]
    if not isinstance(m, int) or not isinstance(n, int):
        raise TypeError("the SVD of a matrix whose size is not constant has no closed form here")
    return {"svd": product(call.first.dims[:-2]) * thin_svd(m, n)}


_RULES: dict[str, Callable[[Call], Cost]] = {
    "mm": _mm,
    "addmm": _addmm,
    "bmm": _bmm,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "_linalg_svd": _svd,
}


def count(call: Call) -> Cost | None:
    """FLOPs of one call by kind; an empty mapping for data movement; ``None`` for an operator without a rule."""
    rule = _RULES.get(call.packet)
    if rule:
        return rule(call)
    name = call.packet.removesuffix("_") if not call.packet.endswith("__") else call.packet
    special = SPECIAL.get(name)
    if special:
        return {"other": special(call)}
    cost = PER_ELEMENT.get(name)
    if cost:
        return {"other": cost.flops * call.out.numel}
    return {} if name in MOVES else None
