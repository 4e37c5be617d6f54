"""How each operator makes the sizes of its results: windows, padding, slices, and those that the caller chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from costmodel.algebra.sizes import Affine
from costmodel.errors import LiftError
from costmodel.tracing.reader import Reader
from costmodel.tracing.record import OpCall, TensorRef, tensors

_SIZED_FREELY = frozenset(
    {
        "_efficientzerotensor",
        "new_empty",
        "new_full",
        "new_ones",
        "new_zeros",
        "repeat",
        "scalar_tensor",
        "tril",
        "triu",
        "unfold",
        "_unsafe_view",
        "_reshape_alias",
        "expand",
        "reshape",
        "view",
        "bmm",
        "mm",
        "full",
        "ones",
        "zeros",
        "empty",
        "arange",
    }
)
"""Operators whose output sizes are products or repetitions of known sizes, or given by the caller's own numbers."""


def learn(reader: Reader, a: OpCall, b: OpCall) -> None:
    """Derive the sizes that a call makes; make sure that a forward call makes no other ones.

    A size is recognised by its value, so an operator that makes a size of its own could be taken for one that happens
    to agree at both points.

    Args:
        reader: gets to know the sizes.
        a: the call at the generic point.
        b: the same call at the corner.

    Raises:
        LiftError: when an operator without a rule makes a new size.
    """
    if a.phase != "forward":
        return
    where = f"{a.name} in '{a.module}'"
    rule = _RULES.get(a.packet)
    try:
        if rule:
            rule(reader, a, b, where)
    except ArithmeticError as error:
        raise LiftError(f"{where}: {error}") from error
    if rule or a.packet in _SIZED_FREELY:
        return
    given = [(x.shape, y.shape) for x, y in zip(tensors(a.args), tensors(b.args), strict=True)]
    pairs = {pair for left, right in given for pair in zip(left, right, strict=False)}
    for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
        if any(x != y and (x, y) not in pairs for x, y in zip(left.shape, right.shape, strict=True)):
            raise LiftError(f"{where} makes a size that has no closed form here")


def _spatial(call: OpCall) -> tuple[TensorRef, TensorRef]:
    """Return the input and the output of an operator that makes one tensor of another."""
    return next(tensors(call.args)), next(tensors(call.outputs))


def _slide(reader: Reader, a: OpCall, b: OpCall, where: str, windows: list[dict[str, Any]]) -> None:
    """Windows over the trailing dims: keyword arguments of `Affine.window` for each."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    for axis, window in zip(range(-len(windows), 0), windows, strict=True):
        made = out.shape[axis], other.shape[axis]
        reader.make((x.shape[axis], y.shape[axis]), made, lambda extent, w=window: extent.window(**w), where)  # type: ignore[misc]  # bound at once


def _each(values: Any, axis: int) -> int:
    """Pick an axis' value where one may stand for all."""
    return int(values[axis] if len(values) > 1 else values[0])


def _convolution(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    if a.arg("transposed"):
        _transposed(reader, a, b, where)
        return
    windows = [
        {"kernel": size, **{name: _each(a.arg(name), axis) for name in ("stride", "padding", "dilation")}}
        for axis, size in enumerate(a.arg("weight").shape[2:])
    ]
    _slide(reader, a, b, where, windows)


def _transposed(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    """(h - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1, as ``torch.nn.ConvTranspose2d``."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    windows = a.arg("weight").shape[2:]
    for axis, kernel in enumerate(windows):
        dim = axis - len(windows)
        names = ("stride", "padding", "dilation", "output_padding")
        stride, padding, dilation, extra = (_each(a.arg(name), axis) for name in names)
        added = dilation * (kernel - 1) + 1 - stride - 2 * padding + extra
        made = out.shape[dim], other.shape[dim]
        reader.make((x.shape[dim], y.shape[dim]), made, lambda e, t=stride, n=added: _times(e, t).plus(n), where)  # type: ignore[misc]  # bound at once


def _max_pool(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    _pool(reader, a, b, where, a.arg("dilation"))


def _avg_pool(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    _pool(reader, a, b, where, (1,))


def _pool(reader: Reader, a: OpCall, b: OpCall, where: str, dilation: tuple[int, ...]) -> None:
    kernel = a.arg("kernel_size")
    windows = [
        {
            "kernel": _each(kernel, axis),
            "stride": _each(a.arg("stride") or kernel, axis),
            "padding": _each(a.arg("padding"), axis),
            "dilation": _each(dilation, axis),
            "ceil_mode": a.arg("ceil_mode"),
        }
        for axis in range(_spatial_dims(a))
    ]
    _slide(reader, a, b, where, windows)


def _spatial_dims(call: OpCall) -> int:
    return 3 if "3d" in call.packet else 2


def _pad(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    """Padding by a number; an amount that is the same at both points is taken for one."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    for axis in range(1, len(a.arg("pad")) // 2 + 1):
        source, made = (x.shape[-axis], y.shape[-axis]), (out.shape[-axis], other.shape[-axis])
        reader.make(source, made, lambda extent, n=made[0] - source[0]: extent.plus(n), where)  # type: ignore[misc]  # bound at once
        reader.guessed |= source[0] != source[1]


def _times(extent: Affine, factor: int) -> Affine:
    return Affine(extent.scale * factor, extent.size, extent.shift * factor)


def _slice(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    """``x[start:end:step]``: a shift and a stride where counted from the ends; else taken for what it looks like."""
    (x, out), (y, other) = _spatial(a), _spatial(b)
    dim, step = a.arg("dim"), a.arg("step")
    source, made = (x.shape[dim], y.shape[dim]), (out.shape[dim], other.shape[dim])
    if source[0] == source[1] and made[0] != made[1]:
        reader.cut(source[0], made)
    if source[0] == source[1] or made[0] == made[1] or source == made:
        return
    (start, end), (other_start, other_end) = _bounds(a, source[0]), _bounds(b, source[1])
    if start == other_start and source[0] - end == source[1] - other_end:
        cut = start + source[0] - end
        reader.make(source, made, lambda extent: extent.over(step, step - 1 - cut), where)
    else:
        reader.take(made, where)


def _bounds(call: OpCall, size: int) -> tuple[int, int]:
    """Return start and end of a slice, both counted from the start."""
    return slice(call.arg("start"), call.arg("end")).indices(size)[:2]


def _cat(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    out, other = next(tensors(a.outputs)), next(tensors(b.outputs))
    parts = [(x, y) for x, y in zip(tensors(a.args), tensors(b.args), strict=True) if len(x.shape) == len(out.shape)]
    for dim, made in enumerate(zip(out.shape, other.shape, strict=True)):
        pairs = [(x.shape[dim], y.shape[dim]) for x, y in parts]
        if made not in pairs or sum(pair[0] for pair in pairs) == made[0]:
            reader.sum_up(pairs, made, where)


def _as_given(reader: Reader, a: OpCall, b: OpCall, where: str) -> None:
    """The caller chose the output's sizes by numbers of its own."""
    for left, right in zip(tensors(a.outputs), tensors(b.outputs), strict=True):
        for pair in zip(left.shape, right.shape, strict=True):
            reader.take(pair, where)


_RULES: dict[str, Callable[[Reader, OpCall, OpCall, str], None]] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "max_pool3d_with_indices": _max_pool,
    "avg_pool2d": _avg_pool,
    "avg_pool3d": _avg_pool,
    "constant_pad_nd": _pad,
    "slice": _slice,
    "cat": _cat,
    **dict.fromkeys(
        (
            "narrow",
            "split",
            "split_with_sizes",
            "chunk",
            "index_select",
            "index",
            "upsample_bilinear2d",
            "upsample_nearest2d",
            "upsample_bicubic2d",
            "_adaptive_avg_pool2d",
            "_adaptive_avg_pool3d",
            "adaptive_max_pool2d",
        ),
        _as_given,
    ),
}
"""How an operator that makes sizes of its own makes them."""
