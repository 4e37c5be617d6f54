"""Depth 4: the seconds of a step, measured without any instrument, and estimated from a trace and the host's rates."""

from __future__ import annotations

from costmodel.cell.setup import Setup
from costmodel.cell.training import require_float32
from costmodel.contract import Point
from validate.host.calibrate import calibrated
from validate.step.timed import estimate, measure

__all__ = ["measure", "predict"]


def predict(setup: Setup, point: Point, *, number: int = 1) -> dict[str, float]:
    """Estimate the same from a trace; where this host is not calibrated yet, that is done first, for a minute or so."""
    require_float32(setup.training, "a step's time is")
    return estimate(calibrated(number), setup, point)
