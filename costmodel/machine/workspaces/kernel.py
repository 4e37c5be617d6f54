"""A kernel call as its workspace rule sees it, and what a rule answers. Plain integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from costmodel.dtypes import itemsize
from costmodel.tracing.record import OpCall, TensorRef

THREADS = 1
"""Kernels share out scratch memory by threads; one gives the same numbers on every machine of a kind."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a kernel's choice of layout depends on.

    Attributes:
        threads: torch's intra-op threads.
        block: channels that lie together in oneDNN's blocked layouts: 16 with AVX-512, 8 with AVX2.
    """

    threads: int = 1
    block: int = 16

    def padded(self, channels: int) -> int:
        """Round channels up to whole blocks."""
        return -(-channels // self.block) * self.block


def this_host(threads: int = THREADS) -> Host:
    """Return the host that this process runs on, as workspace rules see it."""
    import torch

    return Host(threads, 8 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 16)


class Step(NamedTuple):
    """One allocation inside a kernel, or its end where ``nbytes`` is 0.

    ``name`` is ``output I`` for the storage of the call's output I, else what it is for.
    """

    name: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """A call and the host it runs on, with what rules ask of them."""

    call: OpCall
    host: Host

    def tensor(self, name: str) -> TensorRef:
        """Return a tensor argument by its name in the operator's schema."""
        value = self.call.arg(name)
        assert isinstance(value, TensorRef)
        return value

    @property
    def outputs(self) -> tuple[tuple[int, TensorRef], ...]:
        """The outputs that were asked for, with their positions."""
        return tuple((index, ref) for index, ref in enumerate(self.call.outputs) if ref is not None)


def ends(held: Iterable[Step]) -> Iterator[Step]:
    """Free what is held, in the order given."""
    for step in held:
        yield Step(step.name, 0)


def size(ref: TensorRef) -> int:
    """Return the bytes that a tensor takes when its elements lie side by side."""
    return prod(ref.shape) * itemsize(ref.dtype)


def contiguous(ref: TensorRef) -> bool:
    """Tell whether the elements lie in row-major order, as ``Tensor.is_contiguous`` does."""
    expected = 1
    for side, stride in zip(reversed(ref.shape), reversed(ref.stride), strict=True):
        if side != 1:
            if stride != expected:
                return False
            expected *= side
    return True


def suggests_channels_last(ref: TensorRef) -> bool:
    """Tell whether torch takes an image for channels-last: strides rise from channels to width, height and batch."""
    if len(ref.shape) != 4:
        return False
    smallest = 0
    if ref.stride[1] == 0:
        return False
    for axis in (1, 3, 2, 0):
        if ref.stride[axis] < smallest or ref.shape[axis] == 0:
            return False
        if axis == 0 and smallest == ref.stride[1]:  # N x C x 1 x 1: torch takes the ambiguous for row-major
            return False
        smallest = ref.stride[axis] * max(ref.shape[axis], 1)
    return True


def channels_last(ref: TensorRef) -> bool:
    """Tell whether the elements lie in channels-last order without gaps."""
    expected = 1
    for axis in (1, 3, 2, 0):
        if ref.shape[axis] != 1:
            if ref.stride[axis] != expected:
                return False
            expected *= ref.shape[axis]
    return True
