"""Depth 4: the seconds of a step, measured without any instrument, and estimated from a trace and the host's rates."""

from __future__ import annotations

from costmodel.cell.setup import Setup
from costmodel.cell.training import require_float32
from costmodel.contract import Point
from validate.cell import CellSpec
from validate.depths.base import Depth


class Clock(Depth):
    """The clock, beside rates that were measured on this host."""

    def measure(self, spec: CellSpec) -> dict[str, float]:
        """Time the real step after the first one on one thread; see `validate.step.timed.measure`."""
        from validate.step.timed import measure

        return measure(spec.setup, spec.at)

    def predict(self, setup: Setup, point: Point) -> dict[str, float]:
        """Estimate the same; where this host is not calibrated yet, that is done first, for a minute or so."""
        from validate.host.calibrate import calibrated
        from validate.step.timed import estimate

        require_float32(setup.training, "a step's time is")
        return estimate(calibrated(1), setup, point)


DEPTH = Clock("time", "seconds of the step on this machine", exact=False, headline="time.step", unit="s")
