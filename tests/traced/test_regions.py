"""Where a formula holds, and what happens beyond."""

from __future__ import annotations

import pytest

import costmodel

pytestmark = pytest.mark.usefixtures("derived")


def test_dora_has_a_region_for_one_image_and_one_for_more() -> None:
    single = costmodel.estimate("mobilenet_v2", "dora")
    assert single.domain["N"] == "N = 1"
    assert single.at(N=2).domain["N"] == "N >= 2"


@pytest.mark.parametrize("method", ["fft", "bn_head", "lora", "galore"])
def test_the_others_have_one_region_for_every_batch(method: str) -> None:
    assert costmodel.estimate("mobilenet_v2", method).domain["N"] == "N >= 1"


def test_galore_holds_at_every_rank() -> None:
    assert costmodel.estimate("mobilenet_v2", "galore").domain["r"] == "r >= 1"


@pytest.mark.parametrize(("rank", "domain"), [(1, "r = 1"), (4, "2 <= r <= 64"), (65, "r >= 2"), ("r", "r >= 2")])
def test_lora_in_bands_of_rank(rank: int | str, domain: str) -> None:
    assert costmodel.estimate("resnet18", "lora", rank=rank).domain["r"] == domain


def test_sides_below_the_free_domain_are_held_fixed() -> None:
    assert costmodel.estimate("resnet18", "fft", batch=2, height=32, width=64).domain == {
        "N": "N >= 1",
        "H": "H = 32",
        "W": "W >= 33",
    }


def test_at_moves_between_regions() -> None:
    estimate = costmodel.estimate("resnet18", "lora")
    moved = estimate.at(N=3, H=32, W=40, r=100)
    direct = costmodel.estimate("resnet18", "lora", rank=100, batch=3, height=32, width=40)
    assert moved.memory == direct.memory
    assert moved.flops == direct.flops


@pytest.mark.each(7)
@pytest.mark.parametrize("method", ["fft", "bn_head", "lora", "dora", "galore"])
@pytest.mark.parametrize("model", ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18"])
def test_formulas_are_short(model: str, method: str) -> None:
    quantities = costmodel.estimate(model, method).formula.quantities
    lengths = {key: len(terms) for key, terms in quantities.items()}
    assert lengths.pop("memory.peak") <= 15
    assert max(lengths.values()) <= 4
    assert len([name for name in costmodel.estimate(model, method).symbols if name[0] in "hw"]) == 10
