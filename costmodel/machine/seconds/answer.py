"""The seconds of a step as a user asks for them: estimated at one point, labelled as an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.machine.seconds.host import Host


@dataclass(frozen=True)
class Seconds:
    """An estimate of what a step after the first takes on this host.

    Attributes:
        seconds: ``forward``, ``backward``, ``optimizer`` and ``step``, their sum.
        host: whose rates they are.
    """

    seconds: Mapping[str, float]
    host: Host

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; never without the word ``estimate`` and the error that goes with it."""
        return {
            "estimate": True,
            "seconds": {name: float(f"{value:.4g}") for name, value in self.seconds.items()},
            "host": dict(self.host.identity),
            "error": asdict(self.host.error) if self.host.error else None,
        }


def seconds_of(setup: Setup, point: Point, host: Host) -> Seconds:
    """Estimate the seconds of a step on a host.

    Raises:
        InputError, TraceError: as a trace.
    """
    from costmodel.tracing.step import record_step

    return Seconds(host.step(record_step(setup, point)), host)
