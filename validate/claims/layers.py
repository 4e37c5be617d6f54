"""The three products of a single convolution: by the validator's instruments on real tensors, and by the rules."""

from __future__ import annotations

from typing import Any

import torch

from costmodel.rules.call import whole
from costmodel.rules.counters import COUNTERS
from validate.claims.quantity import LAYER, Cell
from validate.host.kernels import PRODUCTS, Layer
from validate.step.instruments import paper_flops, product_flops

CHANNELS, SIDE, KERNEL = 96, 56, 3
"""Of the layer that claims are about: the depthwise one of mobilenet_v2 on 96 channels, at stride 1."""


def layer(groups: int, channels: int = CHANNELS, side: int = SIDE, padding: int = 1) -> Layer:
    """Return a 3 x 3 convolution of stride 1 on square maps that keeps the number of channels, without bias."""
    weight = (channels, channels // groups, KERNEL, KERNEL)
    return Layer("", (1, channels, side, side), weight, (1, 1), (padding, padding), (1, 1), groups)


def cell(groups: int) -> Cell:
    """Name the layer on `CHANNELS` channels in so many groups, as claims do."""
    return Cell(f"{CHANNELS} channels in {groups} groups", LAYER, None, SIDE)


LAYERS = {cell(groups): layer(groups) for groups in (CHANNELS, 1)}
"""The layers that claims are about."""


def measured(of: Layer) -> dict[str, int]:
    """Run a layer and both its gradients on real tensors and count them with the validator's instruments.

    Returns:
        ``flops.paper.NAME`` and ``kind.matmul.NAME`` for each of `validate.host.kernels.PRODUCTS`.
    """
    x, weight, grad = torch.zeros(of.x), torch.zeros(of.weight), torch.zeros(of.out)
    how = (of.stride, of.padding, of.dilation, False, (0, 0), of.groups)
    found: dict[str, int] = {}
    for name in PRODUCTS:
        operator = "convolution"
        args: list[Any] = [x, weight, None, *how]
        if name != "forward":
            operator, args = "convolution_backward", [grad, *args, [name == "input", name == "weight", False]]
        result = getattr(torch.ops.aten, operator)(*args)
        found[f"flops.paper.{name}"] = paper_flops(operator, args, result)
        found[f"kind.matmul.{name}"] = product_flops(operator, args, result)
    return found


def predicted(of: Layer) -> dict[str, int]:
    """Count a layer and both its gradients by the rules of the package, from shapes alone.

    Returns:
        ``flops.CONVENTION.NAME`` for each convention and each of `validate.host.kernels.PRODUCTS`.
    """
    found: dict[str, int] = {}
    for name in PRODUCTS:
        call = of.call(name)
        found |= {f"flops.{convention}.{name}": whole(count(call)) for convention, count in COUNTERS.items()}
    return found
