"""What a convolution's three products take on this machine, against what each convention says they cost.

The layers are those of the models themselves, from a trace; the FLOPs are those of `costmodel.rules`. A convention that
has the right count needs about the same rate for the weight gradient as for the forward product of the same layer, and
no rate above what the machine reaches in a large matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from time import perf_counter

import torch

from costmodel.api import trace
from costmodel.rules import arithmetic
from costmodel.rules.call import Call, Tensor, whole
from costmodel.rules.counters import COUNTERS
from validate.host.kernels_rows import KINDS, KernelStudy, ProductRow, SvdRow, Verdict
from validate.step.stopwatch import threads

__all__ = ["KINDS", "PRODUCTS", "KernelStudy", "Layer", "ProductRow", "SvdRow", "Verdict", "measure", "study"]

PAPER_MODELS = ("mobilenet_v2", "mobilenet_v3_small", "resnet18")
GROUPED_MODELS = ("resnext50_32x4d", "regnet_y_400mf")
"""The paper's models have depthwise and standard layers only; these have what is between."""

PRODUCTS = ("forward", "input", "weight")
"""The forward product, the gradient of the input, the gradient of the weight."""

PEAK_SIDE = 576
"""Rows, columns and inner length of the matrix product that shows the rate that the machine reaches: a square number,
large enough for the full rate, short enough (a few ms) to find a moment without interruption."""
SMALLEST_MATRIX = 4096
"""Elements of the smallest matrix whose SVD is timed; below, both it and the product are mostly calls."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution of a model at N = 1 and 224x224, bias left out.

    Attributes:
        model: the first model that has it.
        x, weight: shapes of the input and of the weight, (N, C, H, W) and (C_out, C_in / groups, kernel).
        stride, padding, dilation: as ``aten.convolution`` takes them.
        groups: of the channels.
    """

    model: str
    x: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def kind(self) -> str:
        """One of `KINDS`: depthwise where each channel is a group of its own."""
        if self.groups > 1:
            large = " 5x5" if max(self.weight[2:]) > 3 else ""
            return f"depthwise{large}" if self.groups == self.x[1] else "grouped"
        return "pointwise" if set(self.weight[2:]) == {1} else "standard"

    @property
    def out(self) -> tuple[int, ...]:
        """Shape of the output."""
        sides = zip(self.x[2:], self.weight[2:], self.stride, self.padding, self.dilation, strict=True)
        return (
            self.x[0],
            self.weight[0],
            *((n + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for n, kernel, stride, pad, dilation in sides),
        )

    def call(self, product: str) -> Call:
        """Show one of the three products to the cost rules, as the operator call that computes it and nothing else."""
        x, weight, out = Tensor(self.x), Tensor(self.weight, requires_grad=True), Tensor(self.out)
        layout = (self.stride, self.padding, self.dilation, False, (0,) * len(self.stride), self.groups)
        if product == "forward":
            return Call("convolution", (x, weight, None, *layout), {}, (out,))
        wanted = (product == "input", product == "weight", False)
        results = (x if wanted[0] else None, weight if wanted[1] else None, None)
        return Call("convolution_backward", (out, x, weight, None, *layout, wanted), {}, results)


def study(models: Sequence[str] = (*PAPER_MODELS, *GROUPED_MODELS), budget: float = 40.0) -> KernelStudy:
    """Measure every distinct convolution of some models, and GaLore's SVDs of the paper's among them.

    Args:
        models: names.
        budget: seconds that the convolutions may take, shared by them alike; each product runs at least three times.
    """
    with threads(1):
        peak = peak_rate()
        found = list(distinct(layers(models)))
        share = budget / max(len(PRODUCTS) * len(found), 1)
        products = tuple(measure(layer, product, share) for layer in found for product in PRODUCTS)
        svds = tuple(_svd(*matrix) for matrix in matrices([name for name in models if name in PAPER_MODELS]))
    return KernelStudy(peak, products, svds)


def peak_rate() -> float:
    """Measure the FLOPs per second of one large float32 matrix product, by whichever of torch's libraries is faster.

    ``mm`` goes to the BLAS that torch was built with, a 1x1 convolution, which is the same product, to oneDNN. Which
    is the faster one depends on the processor.
    """
    matrix = torch.randn(PEAK_SIDE, PEAK_SIDE)
    side = isqrt(PEAK_SIDE)
    image, weight = torch.randn(1, PEAK_SIDE, side, side), torch.randn(PEAK_SIDE, PEAK_SIDE, 1, 1)
    ways = (lambda: matrix @ matrix, lambda: torch.conv2d(image, weight))
    return 2 * PEAK_SIDE**3 / min(fastest(way, 1.5) for way in ways)


def layers(models: Iterable[str]) -> Iterator[Layer]:
    """Yield the convolutions of models in the order in which they run, from a trace at N = 1 and 224x224."""
    for model in models:
        for call in trace(model, "bn_head").record.calls:
            if call.packet == "convolution" and call.step == 0:
                layout = (call.arg(name) for name in ("stride", "padding", "dilation", "groups"))
                yield Layer(model, call.arg("input").shape, call.arg("weight").shape, *layout)


def distinct(found: Iterable[Layer]) -> Iterator[Layer]:
    """Yield each shape once, under the first model that has it."""
    seen = set()
    for layer in found:
        shape = (layer.x, layer.weight, layer.stride, layer.padding, layer.dilation, layer.groups)
        if shape not in seen:
            seen.add(shape)
            yield layer


def measure(layer: Layer, product: str, budget: float) -> ProductRow:
    """Time one product of a layer for up to ``budget`` seconds."""
    x, weight = torch.randn(layer.x), torch.randn(layer.weight)
    layout = (layer.stride, layer.padding, layer.dilation, False, (0,) * len(layer.stride), layer.groups)
    if product == "forward":
        seconds = fastest(lambda: torch.ops.aten.convolution.default(x, weight, None, *layout), budget)
    else:
        grad, wanted = torch.randn(layer.out), (product == "input", product == "weight", False)
        backward = torch.ops.aten.convolution_backward.default
        seconds = fastest(lambda: backward(grad, x, weight, None, *layout, wanted), budget)
    call = layer.call(product)
    flops = {convention: whole(count(call)) for convention, count in COUNTERS.items()}
    words = f"{_words(layer.x[1:])} * {_words(layer.weight)} / {_words(layer.stride)}"
    return ProductRow(layer.model, layer.kind, words, layer.groups, product, seconds, **flops)


def matrices(models: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each distinct matrix of some size that GaLore decomposes in a model, with the model's name."""
    seen = set()
    for model in models:
        for call in trace(model, "galore").record.calls:
            if call.packet != "_linalg_svd":
                continue
            rows, columns = call.arg("A").shape
            if rows * columns >= SMALLEST_MATRIX and (rows, columns) not in seen:
                seen.add((rows, columns))
                yield model, rows, columns


def _svd(model: str, rows: int, columns: int) -> SvdRow:
    matrix = torch.randn(rows, columns)
    short = min(rows, columns)
    wide = matrix if rows == short else matrix.T
    return SvdRow(
        model,
        rows,
        columns,
        fastest(lambda: torch.linalg.svd(matrix, full_matrices=False), 0.1),
        fastest(lambda: wide @ wide.T, 0.05),
        arithmetic.thin_svd(rows, columns),
        2 * short * rows * columns,
    )


def fastest(work: Callable[[], object], budget: float) -> float:
    """Return the seconds of the fastest run: one to warm up, then at least three, and on until the budget is spent."""
    work()
    times: list[float] = []
    begun = perf_counter()
    while len(times) < 3 or perf_counter() - begun < budget:
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def _words(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
