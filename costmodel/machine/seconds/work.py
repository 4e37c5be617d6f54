"""What an operator call gives a processor to do: calls, multiplications and bytes, by kind. Plain data, no torch.

A kind is something that one piece of code computes: a layer's product (``pointwise.weight``) or an operator (``mul``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from math import prod

from costmodel.dtypes import itemsize
from costmodel.machine.workspaces.replay import MAPPED
from costmodel.rules import arithmetic
from costmodel.rules.aten import plain
from costmodel.rules.call import whole
from costmodel.tracing.record import OpCall, TensorRef, tensors

LANES = 16
"""Channels, and positions of a matrix product, are rounded up to this many: float32 numbers in a 512-bit register."""

NEAR = 8 * 2**20
"""Bytes of one call that are taken to be in a cache; what is beyond goes to memory."""

PAGED = MAPPED
"""Bytes of one allocation from which on it is new to the process each time: glibc returns such a block to the system
when it is freed, and each of its pages is faulted in again."""

_SAME = {"addmm": "mm", "mv": "mm", "dot": "mm", "baddbmm": "bmm"}
"""Operators that are computed by the code of another."""

OTHER = "other"
"""Stands for every operator that was not seen when the host was measured."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one call does of one kind.

    Attributes:
        kind: what is computed.
        calls: 1.
        flops: multiplications and additions of matrix products, as `LANES` rounds them up; 0 for anything else.
        bytes: of the tensors read and written, each once, without a convolution's weight.
        far: of those, what is beyond `NEAR`; 0 for a convolution, which works in blocks.
        weights: bytes of a convolution's weight, which is brought into another order for each product.
    """

    kind: str
    calls: int = 1
    flops: int = 0
    bytes: int = 0
    far: int = 0
    weights: int = 0

    @property
    def amounts(self) -> tuple[int, ...]:
        """The numbers, in the order of the fields."""
        return astuple(self)[1:]


AMOUNTS = ("calls", "flops", "bytes", "far", "weights")


def work_of(call: OpCall) -> tuple[Work, ...]:
    """Return what a call does; for the backward pass of a convolution, one for each gradient that it computes."""
    if call.packet == "convolution":
        return (_product("forward", call, _first(call)),)
    if call.packet == "convolution_backward":
        wanted = zip(("input", "weight"), call.arg("output_mask"), strict=False)
        return tuple(_product(name, call, call.arg("grad_output")) for name, asked in wanted if asked)
    kind = _SAME.get(call.packet, call.packet)
    touched = _touched(call)
    return (Work(kind, 1, _flops(call), touched, max(0, touched - NEAR)),)


def paged(call: OpCall) -> int:
    """Bytes of the results that are new to the process; see `PAGED`."""
    known = {ref.storage for ref in _inputs(call)}
    made = {ref.storage: nbytes(ref) for ref in tensors(call.outputs) if ref.storage not in known}
    return sum(size for size in made.values() if size >= PAGED)


def nbytes(ref: TensorRef) -> int:
    """Bytes that a view covers; what is repeated by a stride of 0 counts once."""
    elements = prod(n for n, stride in zip(ref.shape, ref.stride, strict=True) if stride or n == 0)
    return elements * itemsize(ref.dtype)


def layer_kind(channels: int, kernel: Iterable[int], strides: Iterable[int], positions: int, groups: int) -> str:
    """Name the kind of a convolution by what decides the code that computes it.

    Args:
        channels: of the input.
        kernel: its sides.
        strides: along each side.
        positions: of the output, in one image.
        groups: of the channels.
    """
    large, strided = max(kernel), max(strides) > 1
    if groups > 1:
        if groups < channels:
            return "grouped"
        return "depthwise_large" if large > 3 else "depthwise_strided" if strided else "depthwise"
    if large == 1 and not strided:  # a plain matrix product, which torch gives to its BLAS
        return "pointwise" if positions >= LANES else "pointwise_few"
    return "standard"


def _product(name: str, call: OpCall, out: TensorRef) -> Work:
    """One of the three products of a convolution; a transposed one is the input gradient of a plain one."""
    x, weight, groups = call.arg("input"), call.arg("weight"), call.arg("groups")
    if call.arg("transposed"):
        x, out = out, x
    channels, produced, positions = x.shape[1], out.shape[1], prod(out.shape[2:])
    kind = layer_kind(channels, weight.shape[2:], call.arg("stride"), positions, groups)
    area = prod(weight.shape[2:])
    if kind.startswith("depthwise"):
        multiplied = _up(produced) * area
    else:
        taken = channels // groups
        multiplied = groups * _up(produced // groups) * (_up(taken) if taken >= LANES // 2 else taken) * area
    if kind == "pointwise":
        positions = _up(positions)
    flops = 2 * out.shape[0] * positions * multiplied
    return Work(f"{kind}.{name}", 1, flops, nbytes(x) + nbytes(out), 0, nbytes(weight))


def _up(number: int) -> int:
    return -(-number // LANES) * LANES


def _flops(call: OpCall) -> int:
    product = arithmetic.PRODUCTS.get(plain(call.packet))
    return whole(product(call.seen).get("matmul", 0)) if product else 0


def _touched(call: OpCall) -> int:
    """Bytes read and written: each storage once, by its largest view; none where the result is only another view."""
    read = list(_inputs(call))
    known = {ref.storage for ref in read}
    written = list(tensors(call.outputs))
    if not call.packet.endswith("_") and written and all(ref.storage in known for ref in written):
        return 0
    sizes: dict[int, int] = {}
    for ref in (*read, *written):
        sizes[ref.storage] = max(sizes.get(ref.storage, 0), nbytes(ref))
    return sum(sizes.values())


def _inputs(call: OpCall) -> Iterator[TensorRef]:
    yield from tensors(call.args)
    yield from tensors(call.kwargs)


def _first(call: OpCall) -> TensorRef:
    return next(tensors(call.outputs))
