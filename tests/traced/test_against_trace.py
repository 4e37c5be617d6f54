"""A formula equals a fresh trace at points that had no part in deriving it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.cell.subjects import model_table
from costmodel.errors import InputError
from costmodel.methods import PAPER
from costmodel.sources.source import Source
from tests.cells import CELLS, fresh, point

pytestmark = pytest.mark.usefixtures("derived")

# Every residue of the strides, the smallest sides, and elongated shapes.
SIDES = st.integers(33, 420)


def check(model: str, method: str, N: int, H: int, W: int, r: int) -> None:
    setup = setup_of(model, method)
    at = point(method, N, H, W, r)
    asked = request(setup, rank=at.r, batch=N, height=H, width=W)
    formula = Source(setup).derivation(asked).formula
    assert formula.domain.contains(at.values())
    assert formula.evaluate(at.values()) == fresh(setup, at)


@pytest.mark.each(23)
@pytest.mark.parametrize(("model", "method"), CELLS)
@settings(max_examples=2)
@given(N=st.integers(1, 9), H=SIDES, W=SIDES, r=st.integers(1, 400))
@example(N=1, H=97, W=161, r=4)
@example(N=2, H=65, W=100, r=65)
def test_inside_the_free_domain(model: str, method: str, N: int, H: int, W: int, r: int) -> None:
    check(model, method, N, H, W, r)


@pytest.mark.full
@pytest.mark.parametrize(("model", "method"), CELLS)
@settings(max_examples=60)
@given(N=st.integers(1, 9), H=st.integers(33, 1100), W=st.integers(33, 1100), r=st.integers(1, 1400))
@example(N=2, H=33, W=401, r=1)
@example(N=1, H=224, W=224, r=1)
@example(N=3, H=64, W=33, r=64)
def test_inside_the_free_domain_at_many_points(model: str, method: str, N: int, H: int, W: int, r: int) -> None:
    check(model, method, N, H, W, r)


@pytest.mark.each(20)
@pytest.mark.parametrize("method", ["fft", "lora", "dora", "galore"])
@pytest.mark.parametrize(("H", "W", "N"), [(32, 32, 2), (20, 150, 1), (150, 20, 2), (17, 33, 3), (9, 9, 4)])
def test_where_a_stage_shrinks_to_one_another_formula_is_derived(method: str, H: int, W: int, N: int) -> None:
    check("mobilenet_v3_small", method, N, H, W, 3)


@pytest.mark.each(3)
@pytest.mark.parametrize("r", [1, 2, 8, 9, 10, 16, 27, 320, 321, 5000])
def test_galore_up_to_and_beyond_saturation(r: int) -> None:
    check("mobilenet_v2", "galore", 2, 70, 41, r)


def of_kind(*kinds: str) -> list[str]:
    return sorted(name for name, row in model_table().items() if row.get("kind", "classification") in kinds)


ZOO = of_kind("classification")
OTHER_TASKS = [
    name for name in of_kind("segmentation", "video") if "only" not in model_table()[name].get("lattice", {})
]


def anywhere(model: str, method: str, N: int, sides: tuple[int, int], r: int) -> None:
    """Compare at a random point, moved onto the sides that the model takes; what is refused is refused by both."""
    setup = setup_of(model, method)
    lattice = setup.subject.lattice
    H, W = (-(-side // lattice.multiple) * lattice.multiple for side in sides)
    W = H if lattice.square else W
    at = point(method, N, H, W, r)
    try:
        asked = request(setup, rank=at.r, batch=N, height=H, width=W)
        formula = Source(setup).derivation(asked).formula
    except InputError:
        with pytest.raises(InputError):
            fresh(setup, at)
        return
    assert formula.domain.contains(at.values())
    assert formula.evaluate(at.values()) == fresh(setup, at)


@pytest.mark.full
@pytest.mark.parametrize("part", range(25))
def test_random_models_of_the_zoo(part: int) -> None:
    random = Random(part)
    for _ in range(8):
        model, method = random.choice(ZOO), random.choice(PAPER)
        sides = random.randint(30, 400), random.randint(30, 400)
        anywhere(model, method, random.randint(1, 5), sides, random.randint(1, 100))


@pytest.mark.full
@pytest.mark.parametrize("model", OTHER_TASKS)
@pytest.mark.parametrize("sides", [(225, 302), (261, 240)])
def test_other_tasks_at_odd_sides(model: str, sides: tuple[int, int]) -> None:
    anywhere(model, "fft", 2, sides, 4)


@pytest.mark.parametrize("model", ["lraspp_mobilenet_v3_large", "r3d_18"])
def test_a_model_of_each_other_task(model: str) -> None:
    anywhere(model, "fft", 2, (71, 90), 4)
