"""The seconds of a step as a user asks for them: estimated at one point, labelled as an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from costmodel.contract import STEP_PHASES, Point
from costmodel.seconds.host import Host
from costmodel.setup import Setup
from costmodel.tables import Block, Line, Row, Table


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

    @property
    def blocks(self) -> list[Block]:
        """Lay it out for people."""
        names = (*STEP_PHASES, "step")
        rows = tuple(Row((name, f"{self.seconds[name] * 1e3:.1f} ms"), rule=name == "step") for name in names)
        return [
            Line(),
            Table(("Time of a later step", "estimate"), rows),
            Line(f"An estimate for this host: {self._host}. {self._error}"),
        ]

    @property
    def _host(self) -> str:
        known = self.host.identity
        number = known["threads"]
        return f"{known['cpu']}, {number} {'thread' if number == 1 else 'threads'}, torch {known['torch']}"

    @property
    def _error(self) -> str:
        error = self.host.error
        if error is None:
            return "Its error here was not measured."
        return (
            f"On {error.cells} models that it was not calibrated on it was off by {error.median:.0%} (median), "
            f"{error.worst:.0%} at worst."
        )


def seconds_of(setup: Setup, point: Point, host: Host) -> Seconds:
    """Estimate the seconds of a step on a host.

    Raises:
        InputError, TraceError: as a trace.
    """
    from costmodel.tracing.step import record_step

    return Seconds(host.step(record_step(setup, point)), host)
