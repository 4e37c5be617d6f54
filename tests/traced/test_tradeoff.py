"""The frontier of memory, FLOPs and rank, by its definition."""

from __future__ import annotations

import math

import pytest

import costmodel
from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.methods import PAPER
from costmodel.questions.tradeoff import RANKS, frontier
from costmodel.sources.source import Source


@pytest.mark.parametrize("model", ["mobilenet_v3_small", "resnet18"])
def test_frontier(model: str) -> None:
    setups = [setup_of(model, method) for method in PAPER]
    found = frontier([(Source(setup), request(setup)) for setup in setups])
    assert len(found) == 2 + 3 * len(RANKS)

    weighed = []
    for item in found:
        estimate = costmodel.estimate(model, item.method, rank=item.rank)
        flops = estimate.flops["arithmetic"]
        assert item.cost.peak == estimate.memory["peak"]
        assert item.cost.step == flops["forward"] + flops["backward"] + flops["optimizer"]
        rank = math.inf if item.method == "fft" else item.rank or 0
        weighed.append((item.cost.peak, item.cost.step, -rank))
    for own, item in zip(weighed, found, strict=True):
        beaten = any(other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in weighed)
        assert item.on_frontier is not beaten
    assert {item.method for item in found if item.on_frontier} >= {"fft", "bn_head", "lora"}
    assert not all(item.on_frontier for item in found)
