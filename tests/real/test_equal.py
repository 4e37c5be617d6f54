"""The estimate equals the real step, as integers: every model, every method, points that differ in every symbol."""

from __future__ import annotations

import subprocess
import sys

import pytest

import costmodel
from costmodel.cell.request import request
from costmodel.cell.setup import setup_of
from costmodel.contract import GROUPS, PHASES
from costmodel.sources.source import Source
from tests.cells import CELLS, point, validate
from validate.step.instruments import FlopMeter, MemoryMeter, SecondOpinion
from validate.step.run import run

# N, H, W and r all differ from the paper's point and from each other; odd, even, elongated, above the stages' strides.
POINTS = [(2, 97, 161, 3), (3, 64, 101, 17), (5, 129, 40, 8), (4, 33, 75, 70)]


@pytest.mark.each(20)
@pytest.mark.parametrize(("model", "method"), CELLS)
def test_at_the_papers_point(model: str, method: str) -> None:
    comparison = validate(model, method)
    wrong = [(row.quantity, row.instrument, row.predicted, row.measured) for row in comparison.rows if row.difference]
    assert wrong == []
    # 4 phases under 3 counters, and 8 memory numbers by each instrument that does not disturb the step
    assert len(comparison.rows) == (28 if method == "dora" else 36)


@pytest.mark.each(9)
@pytest.mark.parametrize("at", POINTS, ids=lambda at: "x".join(map(str, at)))
@pytest.mark.parametrize(("model", "method"), CELLS)
def test_at_points_that_differ_in_every_symbol(model: str, method: str, at: tuple[int, int, int, int]) -> None:
    setup = setup_of(model, method)
    where = point(method, *at)
    asked = request(setup, rank=where.r, batch=where.N, height=where.H, width=where.W)
    predicted = Source(setup).derivation(asked).formula.evaluate(where.values())

    memory, flops = MemoryMeter(), FlopMeter()
    run(setup, where, flops, memory)
    assert memory.peaks == {group: predicted[f"memory.{group}"] for group in GROUPS}
    assert memory.peak == predicted["memory.peak"]
    for phase in PHASES:
        assert flops.torch[phase] == predicted[f"flops.torch.{phase}"]
        assert flops.paper[phase] == predicted[f"flops.paper.{phase}"]
        assert flops.products[phase] == predicted[f"kind.matmul.{phase}"]


@pytest.mark.full
def test_memtracker_counts_dead_tensors_of_dora_models() -> None:
    """The contract's remark: MemTracker's hooks keep tensors alive that the undisturbed step has freed."""
    disturbed, undisturbed = SecondOpinion(), MemoryMeter()
    for instrument in (disturbed, undisturbed):
        run(setup_of("mobilenet_v2", "dora"), point("dora", 1, 224, 224, 4), instrument)
    assert disturbed.peaks["act"] == 127087828
    assert undisturbed.peaks["act"] == 120534228
    predicted = costmodel.estimate("mobilenet_v2", "dora").memory["groups"]
    assert undisturbed.peaks == dict(predicted)
    assert disturbed.peaks | {"act": 0} == dict(predicted) | {"act": 0}


CYCLES = """
import gc, sys, torch
from costmodel.cell.setup import setup_of
from costmodel.contract import Point
from costmodel.tracing.protocol import adapted_model, optimizer_of

def tensors():
    return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

for method in sys.argv[1:]:
    setup = setup_of("resnet18", method)
    model = adapted_model(setup, Point(), "cpu")
    optimizer = optimizer_of(model, setup, Point())
    x = torch.randn(1, 3, 64, 64)
    gc.collect()
    gc.disable()
    for _ in range(2):
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    del loss
    before = tensors()
    gc.collect()
    print(method, before - tensors())
"""


@pytest.mark.full
def test_the_step_makes_no_reference_cycles() -> None:
    """With the collector off, all that a step made and dropped is freed: collecting finds no tensor more."""
    command = [sys.executable, "-W", "ignore", "-c", CYCLES, "fft", "dora", "galore"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("fft 0\ndora 0\ngalore 0\n", "")


def test_a_difference_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator is able to say no: one byte more in the prediction is one row that differs."""
    import validate.compare as compare

    honest = compare._memory_rows
    monkeypatch.setattr(
        compare,
        "_memory_rows",
        lambda estimate, peaks, peak, instrument: honest(
            estimate, {**peaks, "act": peaks["act"] + 1}, peak, instrument
        ),
    )
    comparison = validate("resnet18", "bn_head", batch=2, resolution=64)
    assert not comparison.equal
    assert {(row.quantity, row.difference) for row in comparison.rows if row.difference} == {
        ("memory.act", 1),
        ("memory.sum_of_group_peaks", 1),
    }
