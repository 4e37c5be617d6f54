"""The cells that the tests go through, and what a fresh trace at one point says of them."""

from __future__ import annotations

from costmodel.contract import Point
from costmodel.methods import METHODS, PAPER
from costmodel.setup import Setup
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.step import record_step

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18")
CELLS = tuple((model, method) for model in MODELS for method in PAPER)


def point(method: str, N: int, H: int, W: int, r: int) -> Point:
    return Point(N, H, W, r if METHODS[method].ranked else None)


def fresh(setup: Setup, at: Point) -> dict[str, int]:
    """Trace at one point and add everything up in plain integers, without lifting or pruning anything."""
    return add_up(record_step(setup, at))
