"""Workspace rules of all kernels, by operator. To add one, write a function of a `Kernel` and enter it in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from costmodel.machine.workspaces import convolution
from costmodel.machine.workspaces.kernel import Kernel, Step, contiguous, ends, size

FLOAT = 4
COPY_BUFFER = 14400
"""Bytes of the buffer through which torch transposes a matrix that is larger than it."""

WRAPPED = (Step("scalar", 8), Step("scalar as float", 4))
"""A Python number beside a tensor becomes a tensor of its own, twice."""


def batch_norm(kernel: Kernel) -> Iterator[Step]:
    """Two vectors of a value for each channel: scale and shift of this batch."""
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    alphas = [Step("scale", outputs[1].nbytes), Step("shift", outputs[1].nbytes)]
    yield from (*outputs, *alphas, *ends(alphas))


def batch_norm_backward(kernel: Kernel) -> Iterator[Step]:
    """A second array of the input's size beside the input's gradient."""
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    second = Step("second gradient", size(kernel.tensor("input")))
    yield from (*outputs, second, *ends([second]))


def layer_norm(kernel: Kernel) -> Iterator[Step]:
    """A copy of an input that is not contiguous."""
    yield from _after_copies(kernel, ("input",), ())


def layer_norm_backward(kernel: Kernel) -> Iterator[Step]:
    """Copies of what is not contiguous; each thread's sums of the gradients of scale and shift."""
    sums = 2 * kernel.host.threads * FLOAT * kernel.tensor("input").shape[-1]
    yield from _after_copies(kernel, ("grad_out", "input"), (Step("sums of the threads", sums),))


def _after_copies(kernel: Kernel, inputs: tuple[str, ...], late: tuple[Step, ...]) -> Iterator[Step]:
    refs = map(kernel.tensor, inputs)
    copies = [Step(f"copy of input {i}", size(ref)) for i, ref in enumerate(refs) if not contiguous(ref)]
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    yield from (*copies, *outputs, *late, *ends([*late, *copies]))


def svd(kernel: Kernel) -> Iterator[Step]:
    """A copy of the matrix, which LAPACK overwrites, and the buffer that transposes it on the way."""
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    matrix = Step("matrix", size(kernel.tensor("A")))
    buffer = [Step("transposing buffer", COPY_BUFFER)] * (matrix.nbytes >= COPY_BUFFER)
    yield from (*outputs, Step("info", 4), matrix, *buffer, *ends([*buffer, matrix]), Step("info", 0))


def attention(kernel: Kernel) -> Iterator[Step]:
    """Each thread's block of scores, their maxima and sums, and the block of the result."""
    queries, keys, width = _blocks(kernel)
    buffer = Step("blocks", kernel.host.threads * FLOAT * (queries * keys + 2 * queries + queries * width))
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    yield from (*outputs, buffer, *ends([buffer]))


def attention_backward(kernel: Kernel) -> Iterator[Step]:
    """Each thread's block of scores and of their gradients, and a sum for each row."""
    queries, keys, _ = _blocks(kernel)
    buffer = Step("blocks", kernel.host.threads * FLOAT * (2 * queries * keys + queries))
    outputs = [Step(f"output {index}", size(ref)) for index, ref in kernel.outputs]
    yield from (*outputs, buffer, *ends([buffer]))


def _blocks(kernel: Kernel) -> tuple[int, int, int]:
    """Rows of queries and keys that are worked on at a time, and the width of a head (``FlashAttentionKernel.cpp``)."""
    length, width = kernel.tensor("query").shape[2:]
    queries = 256 if length >= 768 else 64 if length >= 192 else 32
    return min(queries, length), min(512, kernel.tensor("key").shape[2]), width


def roll(kernel: Kernel) -> Iterator[Step]:
    """A tensor between two axes that are rolled one after the other."""
    first = Step("first axis", size(kernel.tensor("self")))
    yield from (first, Step("output 0", first.nbytes), *ends([first]))


def with_number(kernel: Kernel) -> Iterator[Step]:
    """The second operand of an elementwise operator, where it is a Python number."""
    if isinstance(kernel.call.arg("other"), (int, float)):
        made = [Step(f"output {i}", size(ref)) for i, ref in kernel.outputs if not kernel.call.packet.endswith("_")]
        yield from (*WRAPPED, *made, *ends(WRAPPED))


RULES: dict[str, Callable[[Kernel], Iterator[Step]]] = {
    "convolution": convolution.forward,
    "convolution_backward": convolution.backward,
    "native_batch_norm": batch_norm,
    "native_batch_norm_backward": batch_norm_backward,
    "native_layer_norm": layer_norm,
    "native_layer_norm_backward": layer_norm_backward,
    "_linalg_svd": svd,
    "_scaled_dot_product_flash_attention_for_cpu": attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": attention_backward,
    "roll": roll,
    **dict.fromkeys(("add", "add_", "sub", "sub_", "mul", "mul_", "div", "div_", "eq", "ne"), with_number),
}


def steps(kernel: Kernel) -> tuple[Step, ...]:
    """Return what a kernel allocates and frees between its call and its return, in order.

    Outputs that a rule does not name, and all outputs of a kernel without a rule, are not in it.
    """
    rule = RULES.get(kernel.call.packet)
    return tuple(rule(kernel)) if rule else ()
