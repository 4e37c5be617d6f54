"""Convention ``paper``: the FLOP counter published with arXiv 2507.23536, mistakes included.

Letters: macs = N * C_out * H_out * W_out * (C_in / groups) * kernel area; n = elements of the first tensor argument;
c = its channels. An operator that is not in `RULES` counts zero, as it does there (the SVD included).
"""

from __future__ import annotations

from collections.abc import Callable

from costmodel.rules.call import Call, Extent, Tensor, product
from costmodel.rules.registry import registered


def mm(call: Call) -> Extent:
    """(m, k)(k, n): 2mkn - mn."""
    (m, k), (_, n) = call.tensor("self").dims, call.tensor("mat2").dims
    return 2 * m * k * n - m * n


def addmm(call: Call) -> Extent:
    """As mm, plus (length of the bias) * k."""
    (m, k), (_, n) = call.tensor("mat1").dims, call.tensor("mat2").dims
    return 2 * m * k * n - m * n + call.tensor("self").dims[0] * k


def bmm(call: Call) -> Extent:
    """(b, m, k)(b, k, n): 2bmkn."""
    (b, m, k), (_, _, n) = call.tensor("self").dims, call.tensor("mat2").dims
    return 2 * b * m * k * n


def convolution(call: Call) -> Extent:
    """2 (macs + elements of the output if there is a bias)."""
    channels, out = call.tensor("input").dims[1], call.out
    macs: Extent = out.numel * (channels // call.arg("groups")) * product(call.tensor("weight").dims[2:])
    return 2 * (macs + (out.numel if call.arg("bias") is not None else 0))


def convolution_backward(call: Call) -> Extent:
    """Input gradient: 2 (macs + elements of the input).

    Weight gradient: 2 (macs * groups + C_in * (C_in / groups) * kernel area). The factor ``groups`` is the overcount
    behind the published 20:1 ratio.
    """
    x, groups = call.tensor("input"), call.arg("groups")
    area = product(call.tensor("weight").dims[2:])
    macs = call.tensor("grad_output").numel * (x.dims[1] // groups) * area
    for_input, for_weight, _ = call.arg("output_mask")
    flops: Extent = 0
    if for_input:
        flops = flops + 2 * (macs + x.numel)
    if for_weight:
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
    trained = sum(_requires_grad(call.arg(name)) for name in ("weight", "bias"))
    return (6 + trained) * x.numel + 2 * x.dims[1]


def native_batch_norm_backward(call: Call) -> Extent:
    """4n + c, + n + c where the weight requires grad, + 2n where the running mean does, which it never does."""
    x = call.first
    n, c = x.numel, x.dims[1]
    flops = 4 * n + c
    if _requires_grad(call.arg("weight")):
        flops = flops + n + c
    if _requires_grad(call.arg("running_mean")):
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
    if own := registered("paper", call.packet):
        return sum(own(call).values())
    rule = RULES.get(call.packet)
    return rule(call) if rule else 0
