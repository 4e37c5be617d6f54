"""Workspaces of convolutions in float32 on x86: oneDNN's blocked copies, and the columns of torch's own kernels.

Read off `torch.profiler`'s allocation events for 3,444 distinct calls of 14 models on torch 2.13 with oneDNN 3.12 (see
docs/process-memory.md). torch copies nothing itself; oneDNN reorders what it is given into layouts of whole channel
blocks, works there, and reorders the result back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from costmodel.machine.workspaces.kernel import (
    Host,
    Kernel,
    Step,
    channels_last,
    contiguous,
    ends,
    size,
    suggests_channels_last,
)
from costmodel.tracing.record import StepRecord, TensorRef

FLOAT = 4
SMALL_INPUT = 20480
"""Elements up to which torch keeps one image to its own kernels (``ConvParams::use_mkldnn``)."""

FIRST = 3
"""Input channels up to which oneDNN reads the image as it is: the first layer of a network."""

PAGE = 4096
STRIDED_FIXED, STRIDED_THREAD = 3 * PAGE, 2 * PAGE + 24
"""Bytes of the strided input gradient's scratchpad: once, and for each thread beside its rows of the gradient."""

REDUCTION_FIXED = 8320
"""Bytes of the barriers with which threads add up their weight gradients."""

SHARED = 0.04
"""Share of a weight in its input and output up to which threads divide the batch and the rows, not the weight. oneDNN
weighs the traffic of both in more detail; the scratchpad is then at most this share of the copies beside it."""

CHANNELS_LAST_COPIES = 256
"""Weight gradients that the channels-last depthwise kernel keeps apart before it adds them up."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A convolution's sizes, in bytes unless said otherwise."""

    kernel: Kernel
    x: TensorRef
    weight: TensorRef
    out: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of input and output."""
        return self.x.shape[1], self.weight.shape[0]

    @property
    def window(self) -> tuple[int, ...]:
        return self.weight.shape[2:]

    @property
    def strided(self) -> bool:
        return any(step != 1 for step in self.stride)

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.channels[0] == self.channels[1]

    @property
    def pointwise(self) -> bool:
        return prod(self.window) == 1

    @property
    def mkldnn(self) -> bool:
        """Whether torch hands the call to oneDNN: the conditions of ``ConvParams::use_mkldnn``."""
        batch = self.x.shape[0]
        worth = self.strided or any(step != 1 for step in self.dilation) or batch >= 16 or not self.pointwise
        large = all(side > 3 for side in self.window[-2:]) or batch > 1 or prod(self.x.shape) > SMALL_INPUT
        return (worth or self.kernel.host.threads > 1) and (self.groups > 1 or large)

    @property
    def last(self) -> bool:
        """Whether it runs in channels-last order."""
        return suggests_channels_last(self.x) or suggests_channels_last(self.weight)

    @property
    def unblocked(self) -> bool:
        """Whether its groups do not fill blocks of channels, so that oneDNN multiplies columns instead."""
        per_group = [channels // self.groups for channels in self.channels]
        return self.groups > 1 and not self.depthwise and any(channels % 4 for channels in per_group)

    def _padded(self, channels: int) -> int:
        return self.kernel.host.padded(channels) if self.groups == 1 or self.depthwise else channels

    @property
    def src(self) -> int:
        """Input, in blocks."""
        batch, channels, *sides = self.x.shape
        return FLOAT * batch * (channels if channels <= FIRST else self._padded(channels)) * prod(sides)

    @property
    def dst(self) -> int:
        """Output, in blocks."""
        return FLOAT * self.out[0] * self._padded(self.out[1]) * prod(self.out[2:])

    @property
    def weights(self) -> int:
        """Weight, in blocks."""
        rows, columns = self.weight.shape[:2]
        if self.groups == 1 and columns > FIRST:
            columns = self._padded(columns)
        return FLOAT * self._padded(rows) * columns * prod(self.window)

    @property
    def columns(self) -> int:
        """One image's patches as the columns of a matrix, one group."""
        return FLOAT * self.x.shape[1] // self.groups * prod(self.window) * prod(self.out[2:])

    @property
    def unit_stride(self) -> int:
        """A strided pointwise input, reduced to the pixels it needs, for each thread."""
        threads = self.kernel.host.threads
        needed = self.strided and self.pointwise
        return threads * (FLOAT * self.channels[0] * prod(self.out[2:]) + 128 // threads) if needed else 0

    def copy(self, name: str, ref: TensorRef) -> Iterator[Step]:
        """A copy in the order that the kernel wants, where the tensor lies in another."""
        if not (channels_last(ref) if self.mkldnn and self.last else contiguous(ref)):
            yield Step(name, size(ref))


def _read(kernel: Kernel) -> _Shape | None:
    """Read the arguments of a call, forward or backward; ``None`` where no rule is known."""
    call, x, weight = kernel.call, kernel.tensor("input"), kernel.tensor("weight")
    backward = call.packet == "convolution_backward"
    out = kernel.tensor("grad_output") if backward else next(ref for _, ref in kernel.outputs)
    if call.arg("transposed") or x.dtype != "float32" or weight.dtype != "float32":
        return None
    return _Shape(kernel, x, weight, out.shape, call.arg("stride"), call.arg("dilation"), call.arg("groups"))


def primitives(record: StepRecord, host: Host) -> set[tuple[object, ...]]:
    """Return the distinct products that oneDNN is asked for; it compiles a kernel for each when it first meets it."""
    found: set[tuple[object, ...]] = set()
    for call in record.calls:
        if call.packet not in ("convolution", "convolution_backward"):
            continue
        shape = _read(Kernel(call, host))
        if shape is not None and shape.mkldnn:
            gradients = call.arg("output_mask")[:2] if call.packet == "convolution_backward" else None
            products = [name for name, wanted in zip("xw", gradients, strict=True) if wanted] if gradients else ["y"]
            found |= {(p, shape.x.shape, shape.weight.shape, shape.stride, shape.groups) for p in products}
    return found


def forward(kernel: Kernel) -> Iterator[Step]:
    """``aten.convolution``: copies in, work, copy out."""
    shape = _read(kernel)
    if shape is None:
        return
    out = Step("output 0", FLOAT * prod(shape.out))
    inputs = list(shape.copy("input copy", shape.x))
    yield from inputs
    if not shape.mkldnn:
        if not shape.pointwise:
            yield Step("columns", shape.columns)
        yield out
        if not shape.pointwise:
            yield Step("columns", 0)
    elif shape.unblocked:
        columns = shape.kernel.host.threads * shape.columns + 128
        yield from (Step("columns", columns), Step("result", out.nbytes), Step("columns", 0), out, Step("result", 0))
    elif shape.last:
        yield from (Step("weight blocks", shape.weights), out, Step("weight blocks", 0))
    else:
        used = [Step("unit stride", shape.unit_stride)] * (shape.unit_stride > 0)
        used += [Step("input blocks", shape.src)] * (shape.channels[0] > FIRST)
        used += [Step("weight blocks", shape.weights)]
        yield from used
        yield Step("result blocks", shape.dst)
        yield from ends(reversed(used))
        yield out
        yield Step("result blocks", 0)
    yield from ends(inputs)


def backward(kernel: Kernel) -> Iterator[Step]:
    """``aten.convolution_backward``: the input's gradient first, then the weight's, each with copies of its own."""
    shape = _read(kernel)
    if shape is None:
        return
    wanted = kernel.call.arg("output_mask")
    copies = list(shape.copy("gradient copy", kernel.tensor("grad_output")))
    for_weight = list(shape.copy("input copy", shape.x)) * bool(wanted[1])
    if not shape.mkldnn:
        yield from _native_backward(shape, copies, wanted)
        return
    yield from copies
    if wanted[0]:
        yield from _input_gradient(shape)
    yield from for_weight
    if wanted[1]:
        yield from _weight_gradient(shape)
    yield from ends([*for_weight, *copies])


def _native_backward(shape: _Shape, copies: list[Step], wanted: tuple[bool, ...]) -> Iterator[Step]:
    outputs = [Step("output 0", size(shape.x))] * bool(wanted[0]) + [Step("output 1", size(shape.weight))] * bool(
        wanted[1]
    )
    if shape.pointwise:
        for output in outputs:  # each gradient makes, and drops, its own copy
            yield from (*copies, output, *ends(copies))
    else:
        columns = Step("columns", shape.columns)
        yield from (*copies, *outputs, columns, *ends([columns, *copies]))


def _input_gradient(shape: _Shape) -> Iterator[Step]:
    out = Step("output 0", size(shape.x))
    plain = FLOAT * prod(shape.out)
    blocks = shape.groups == 1 or shape.channels[0] // shape.groups % (2 * shape.kernel.host.block) == 0
    if shape.last:
        yield from (Step("weight blocks", shape.weights), out, Step("weight blocks", 0))
    elif shape.unblocked:
        columns = Step("columns", shape.kernel.host.threads * shape.columns + 128)
        result = Step("result", out.nbytes)
        yield from (result, columns, *ends([columns]), out, *ends([result]))
    elif shape.strided and blocks:
        # A kernel for channels-last tensors, whose result is copied twice on its way back.
        image = -(-plain // shape.out[0] // PAGE) * PAGE
        scratch = Step("scratchpad", shape.kernel.host.threads * (image + STRIDED_THREAD) + STRIDED_FIXED)
        used = [Step("gradient, channels last", plain), Step("weight, channels last", size(shape.weight))]
        result, second = Step("result, channels last", out.nbytes), Step("second copy", out.nbytes)
        yield from (*used, result, scratch, *ends([scratch, *reversed(used)]), out, second, *ends([second, result]))
    else:
        used = [Step("gradient blocks", shape.dst), Step("weight blocks", shape.weights)]
        result = Step("result blocks", shape.src)
        yield from (*used, result, *ends(reversed(used)), out, *ends([result]))


def _weight_gradient(shape: _Shape) -> Iterator[Step]:
    threads = shape.kernel.host.threads
    out = Step("output 1", size(shape.weight))
    result = Step("result blocks", shape.weights)
    per_group = shape.channels[0] // shape.groups
    if shape.last and shape.depthwise:
        scratch = Step("scratchpad", CHANNELS_LAST_COPIES * shape.weights)
        yield from (scratch, result, *ends([scratch]), out, *ends([result]))
    elif shape.groups > 1 and (max(shape.window) > 3 if shape.depthwise else shape.unblocked or per_group < 8):
        columns = Step("columns", threads * shape.columns + 4 * shape.weights + 256)
        yield from (result, columns, *ends([columns]), out, *ends([result]))
    else:
        used = [] if shape.last else [Step("gradient blocks", shape.dst)]
        used += [Step("input blocks", shape.src)] * (shape.channels[0] > FIRST and not shape.last)
        scratch = Step("scratchpad", shape.unit_stride + _reduction(shape))
        scratches = [scratch] * (scratch.nbytes > 0)
        yield from (*used, result, *scratches, *ends([*scratches, *reversed(used)]), out, *ends([result]))


def _reduction(shape: _Shape) -> int:
    """Bytes with which threads that share out a batch keep their weight gradients apart."""
    threads = shape.kernel.host.threads
    small = shape.weights <= SHARED * (shape.src + shape.dst)
    return (threads - 1) * shape.weights + REDUCTION_FIXED if threads > 1 and small and not shape.depthwise else 0
