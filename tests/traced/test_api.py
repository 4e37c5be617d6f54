"""The Python API."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy

import costmodel

pytestmark = pytest.mark.usefixtures("derived")


@pytest.fixture(scope="module")
def estimate() -> costmodel.Estimate:
    return costmodel.estimate("mobilenet_v2", method="lora", rank=4)


def test_numbers_are_integers_and_read_only(estimate: costmodel.Estimate) -> None:
    assert estimate.memory["peak"] == 89222312
    assert isinstance(estimate.flops["torch"]["forward"], int)
    with pytest.raises(TypeError):
        estimate.memory["peak"] = 0
    with pytest.raises(TypeError):
        estimate.memory["groups"]["act"] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate.model = "other"


def test_at_another_point(estimate: costmodel.Estimate) -> None:
    moved = estimate.at(N=8, H=192, W=192, r=16)
    assert moved.point == {"N": 8, "H": 192, "W": 192, "r": 16}
    assert moved.memory == costmodel.estimate("mobilenet_v2", "lora", rank=16, batch=8, resolution=192).memory
    assert estimate.at().memory == estimate.memory


@pytest.mark.full
def test_at_another_resolution() -> None:
    square = costmodel.estimate("resnet18", resolution="S")
    assert square.at(N=8).symbolic == {"H": "S", "W": "S"}
    assert square.at(resolution=96).memory == costmodel.estimate("resnet18", resolution=96).memory


@pytest.mark.full
def test_a_model_of_squares_is_asked_for_one_side() -> None:
    assert costmodel.estimate("vit_b_32").at(resolution=64).point["W"] == 64


@pytest.mark.full
def test_micro_batches_do_not_multiply_the_grouped_convolutions() -> None:
    thrice = costmodel.estimate("mobilenet_v3_small", training=costmodel.Training(accumulate=3))
    assert thrice.grouped_convolutions == costmodel.estimate("mobilenet_v3_small").grouped_convolutions == 11


def test_at_refuses_what_estimate_refuses(estimate: costmodel.Estimate) -> None:
    with pytest.raises(costmodel.InputError, match="--rank 0"):
        estimate.at(r=0)
    with pytest.raises(costmodel.InputError, match="has no rank"):
        costmodel.estimate("mobilenet_v2").at(r=4)


def test_another_point_in_any_words(estimate: costmodel.Estimate) -> None:
    moved = estimate.at(N=8, H=192, W=192, r=16)
    for told in ({"batch": 8, "resolution": 192, "rank": 16}, {"N": 8, "height": 192, "width": 192, "r": 16}):
        assert estimate.at(**told).memory == estimate.at(told).memory == moved.memory
    assert estimate.at({"batch": 8}, resolution=192, r=16).point == moved.point
    assert estimate.at(height=32).point == {"N": 1, "H": 32, "W": 224, "r": 4}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"resolution": 64, "H": 32}, "--resolution 64 and --height 32: H is given twice; give one of them"),
        ({"rank": 8, "r": 8}, "--rank 8 and --rank 8: r is given twice"),
        ({"point": {"rank": 8}, "rank": 4}, "--rank 8 and --rank 4: r is given twice"),
        ({"resolution": 0}, "--resolution 0: expected a positive integer"),
        ({"H": 0}, "--height 0: expected a positive integer"),
        ({"N": [2]}, "--batch [2]: expected a positive integer"),
        ({"bacth": 2}, "unknown size 'bacth': did you mean batch"),
        ({"point": 3}, "point 3: expected sizes by name"),
        ({"S": 8}, "--length: mobilenet_v2 takes 3xHxW, which has no S"),
    ],
)
def test_at_refuses_what_is_no_point(estimate: costmodel.Estimate, told: dict[str, Any], message: str) -> None:
    with pytest.raises(costmodel.InputError) as refusal:
        estimate.at(**told)
    assert str(refusal.value).startswith(message)


@pytest.mark.full
def test_one_rank_wherever_it_stands() -> None:
    eight = costmodel.estimate("mobilenet_v2", "lora", rank=8)
    for told in ({"point": {"rank": 8}}, {"point": {"r": 8}}, {"rank": 8}, {"r": 8}):
        assert costmodel.estimate("mobilenet_v2", "lora", **told).memory == eight.memory
        (side,) = costmodel.compare("mobilenet_v2", "lora", **told)
        (fit,) = costmodel.size("mobilenet_v2", "lora", memory="1GiB", **told)
        (row,) = costmodel.sweep("mobilenet_v2", "lora", **told).to_frame().to_dict("records")
        assert side.estimate.memory == eight.memory
        assert (fit.point["r"], fit.cost.peak) == (8, eight.memory["peak"])
        assert (row["r"], row["memory.peak"]) == (8, eight.memory["peak"])


def test_one_is_as_good_as_a_list() -> None:
    assert [side.estimate for side in costmodel.compare("resnet18", "lora")] == [
        side.estimate for side in costmodel.compare(["resnet18"], ["lora"])
    ]
    ranges = (2, [2], range(2, 3), "2", "2:2", np.array([2]))
    frames = [costmodel.sweep("resnet18", "fft", batch=batch).to_frame() for batch in ranges]
    assert all(frame.equals(frames[0]) for frame in frames)
    assert list(costmodel.sweep("resnet18", "fft", N="1:8:3").to_frame()["N"]) == [1, 4, 7]


def test_frame(estimate: costmodel.Estimate) -> None:
    frame = estimate.to_frame()
    assert list(frame.columns) == ["quantity", "part", "phase", "value", "unit", "formula"]
    peak = frame[(frame.quantity == "memory") & (frame.part == "peak")].iloc[0]
    assert peak.value == 89222312
    assert peak.unit == "byte"
    symbolic = costmodel.estimate("mobilenet_v2", "lora", rank="r").to_frame()
    assert symbolic[symbolic.part == "peak"].value.isna().all()
    assert isinstance(frame.value.dtype, pd.Int64Dtype)


def test_sympy_views(estimate: costmodel.Estimate) -> None:
    views = estimate.sympy
    r = sympy.Symbol("r", integer=True, positive=True)
    assert views["memory"]["grad"] == 79508 * r
    h1 = views["symbols"]["h1"]
    assert h1.subs(sympy.Symbol("H", integer=True, positive=True), 97) == 49
    assert isinstance(views["memory"]["peak"], sympy.Max | sympy.Add)


def test_amortised_optimizer_step() -> None:
    estimate = costmodel.estimate("mobilenet_v2", "galore")
    first, later = (estimate.flops["arithmetic"][phase] for phase in ("optimizer_first", "optimizer"))
    assert estimate.amortised(T=200) == later + Fraction(first - later, 200)
    assert estimate.amortised(T=1) == first
    assert estimate.amortised() == estimate.amortised(T=200)
    for wrong in (0, -5, 2.5, True, "x", [3]):
        with pytest.raises(costmodel.InputError, match=r"T .*: expected a positive integer"):
            estimate.amortised(T=wrong)
    with pytest.raises(costmodel.InputError, match="unknown convention 'papers': did you mean paper"):
        estimate.amortised("papers")
    text = estimate.formulas["amortised"]["arithmetic"]
    assert "/T" in text


@pytest.mark.full
def test_names_and_numbers_mix() -> None:
    estimate = costmodel.estimate("resnet18", "fft", batch="N", height=97, width="W")
    assert estimate.point == {"N": None, "H": 97, "W": None, "r": None}
    assert estimate.symbolic == {"N": "N", "W": "W"}
    numeric = costmodel.estimate("resnet18", "fft", batch=3, height=97, width=50)
    names = {name: sympy.Symbol(name, integer=True, positive=True) for name in ("N", "W")}
    value = estimate.sympy["memory"]["peak"]
    sizes = {sympy.Symbol(n, integer=True, positive=True): e for n, e in estimate.sympy["symbols"].items()}
    assert value.subs(sizes).subs({names["N"]: 3, names["W"]: 50}) == numeric.memory["peak"]


def test_more_classes_cost_more() -> None:
    ten, thousand = (
        costmodel.estimate("resnet18", classes=classes).memory["groups"]["param"] for classes in (10, 1000)
    )
    assert thousand - ten == 990 * 513 * 4


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "4x", "", "a b"])
def test_bad_batch(bad: object) -> None:
    with pytest.raises(costmodel.InputError, match="--batch"):
        costmodel.estimate("resnet18", batch=bad)


def test_all_that_is_public_is_there_in_a_fresh_process() -> None:
    """The validator when it is asked for; ``methods``, the function, in the place of the folder of that name."""
    code = """
import costmodel.methods, costmodel, sys
assert "validate" not in sys.modules
from costmodel import validate
assert validate is costmodel.validate is sys.modules["validate.api"].validate
assert {*costmodel.__all__} <= {*dir(costmodel)}
assert all(getattr(costmodel, name) is not None for name in costmodel.__all__)
assert callable(costmodel.methods) and callable(costmodel.rules.register)
assert not hasattr(costmodel, "nonsense")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
