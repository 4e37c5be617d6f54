"""The cells that the tests go through, and what a fresh trace at one point says of them."""

from __future__ import annotations

from typing import Any

from costmodel.api import setup_of
from costmodel.contract import Point
from costmodel.methods import METHODS, PAPER
from costmodel.request import request
from costmodel.setup import Setup
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
