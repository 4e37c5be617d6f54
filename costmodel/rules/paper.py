"""Convention ``paper``: the FLOP counter published with arXiv 2507.23536, mistakes included.

Letters: macs = N * C_out * H_out * W_out * (C_in / groups) * kernel area; n = elements of the first tensor argument;
c = its channels. An operator that is not in `RULES` counts zero, as it does there (the SVD included).
"""

from __future__ import annotations

from collections.abc import Callable

from costmodel.rules.call import Call, Extent, Tensor, dims, product

_GROUPS, _MASK = 9, 10


def mm(call: Call) -> Extent:
    """(m, k)(k, n): 2mkn - mn."""
    (m, k), (_, n) = dims(call.args[0]), dims(call.args[1])
    return 2 * m * k * n - m * n


def addmm(call: Call) -> Extent:
    """As mm, plus (length of the bias) * k."""
    bias, a, b = call.args[:3]
    (m, k), (_, n) = dims(a), dims(b)
    return 2 * m * k * n - m * n + dims(bias)[0] * k


def bmm(call: Call) -> Extent:
    """(b, m, k)(b, k, n): 2bmkn."""
    (b, m, k), (_, _, n) = dims(call.args[0]), dims(call.args[1])
    return 2 * b * m * k * n


def convolution(call: Call) -> Extent:
    """2 (macs + elements of the output if there is a bias)."""
    x, weight, bias = call.args[:3]
    out = call.out
    macs: Extent = out.numel * (x.dims[1] // call.args[_GROUPS - 1]) * product(weight.dims[2:])
    return 2 * (macs + (out.numel if bias is not None else 0))


def convolution_backward(call: Call) -> Extent:
    """Input gradient: 2 (macs + elements of the input).

    Weight gradient: 2 (macs * groups + C_in * (C_in / groups) * kernel area). The factor ``groups`` is the overcount
    behind the published 20:1 ratio.
    """
    grad, x, weight = call.args[:3]
    groups, mask = call.args[_GROUPS], call.args[_MASK]
    area = product(weight.dims[2:])
    macs = grad.numel * (x.dims[1] // groups) * area
    flops: Extent = 0
    if mask[0]:
        flops = flops + 2 * (macs + x.numel)
    if mask[1]:
        flops = flops + 2 * (macs * groups + x.dims[1] * (x.dims[1] // groups) * area)
    return flops


def add(call: Call) -> Extent:
    """2 * elements of the first argument."""
    return 2 * call.first.numel


def mul(call: Call) -> Extent:
    """Elements of the output."""
    return call.out.numel


def _requires_grad(value: object) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def native_batch_norm(call: Call) -> Extent:
    """6n + 2c, + n for the weight and + n for the bias where it requires grad."""
    x = call.first
    trained = sum(_requires_grad(value) for value in call.args[1:3])
    return (6 + trained) * x.numel + 2 * x.dims[1]


def native_batch_norm_backward(call: Call) -> Extent:
    """4n + c, + n + c where argument 2 requires grad, + 2n where argument 3 does."""
    x = call.first
    n, c = x.numel, x.dims[1]
    flops = 4 * n + c
    if _requires_grad(call.args[2]):
        flops = flops + n + c
    if _requires_grad(call.args[3]):
        flops = flops + 2 * n
    return flops


RULES: dict[str, Callable[[Call], Extent]] = {
    "mm": mm,
    "addmm": addmm,
    "bmm": bmm,
    "convolution": convolution,
    "convolution_backward": convolution_backward,
    "add": add,
    "add_": add,
    "mul": mul,
    "mul_": mul,
    "native_batch_norm": native_batch_norm,
    "native_batch_norm_backward": native_batch_norm_backward,
}


def count(call: Call) -> Extent:
    """FLOPs of one call under the ``paper`` convention."""
    rule = RULES.get(call.packet)
    return rule(call) if rule else 0
