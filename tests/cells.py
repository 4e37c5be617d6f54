"""The cells that the tests go through, and what a fresh trace at one point says of them."""

from __future__ import annotations

from typing import Any

from costmodel.cell.request import request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.contract import Point
from costmodel.methods import METHODS, PAPER, Options
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.step import record_step
from validate.compare import Comparison, validate_cell

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18")
CELLS = tuple((model, method) for model in MODELS for method in PAPER)


def point(method: str, N: int, H: int, W: int, r: int) -> Point:
    return Point(N, H, W, r if METHODS[method].ranked else None)


def fresh(setup: Setup, at: Point) -> dict[str, int]:
    """Trace at one point and add everything up in plain integers, without lifting or pruning anything."""
    return add_up(record_step(setup, at))


def validate(model: Any, method: str, **sizes: int) -> Comparison:
    """Run a cell's real step and compare it with its estimate."""
    setup = setup_of(model, method)
    return validate_cell(setup, request(setup, **sizes))


def wrong_numbers(
    model: Any,
    method: Any,
    *,
    training: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    inputs: str | None = None,
    aux: bool = False,
    **sizes: int,
) -> list[tuple[str, str, int, int]]:
    """Run a cell's real step: the numbers in which its estimate differs. None at all is a failure too."""
    setup = setup_of(
        model, method, inputs=inputs, aux=aux, options=Options(**options or {}), training=Training(**training or {})
    )
    comparison = validate_cell(setup, request(setup, **sizes))
    assert len(comparison.rows) in (28, 36)
    return [(row.quantity, row.instrument, row.predicted, row.measured) for row in comparison.rows if row.difference]
