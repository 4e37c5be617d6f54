"""A host as it was measured: its rates, and what a traced step takes at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

from costmodel.contract import STEP_PHASES
from costmodel.machine.seconds.work import OTHER, Work, paged, work_of
from costmodel.tracing.record import OpCall, StepRecord

SCHEMA = "costmodel.host/2"
MOST = 1e6
"""No number of a host is as large."""
LATER = 1
"""The step that is estimated: not the first, which makes the optimizer's state and GaLore's projections."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds for each unit of what a kind of work does, never negative.

    Attributes:
        calls: for a call.
        flops: for a FLOP.
        bytes: for a byte.
        far: for a byte beyond a cache, on top of that.
        weights: for a byte of a convolution's weight.
    """

    calls: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0
    far: float = 0.0
    weights: float = 0.0

    def seconds(self, work: Work) -> float:
        """Add up what some work takes."""
        rates: tuple[float, ...] = astuple(self)
        return sum(rate * amount for rate, amount in zip(rates, work.amounts, strict=True))


@dataclass(frozen=True, slots=True)
class Error:
    """How far the estimate was off, relative to the measured time of whole steps, on models not calibrated on.

    Attributes:
        cells: how many steps.
        median, worst: of the absolute relative errors.
    """

    cells: int
    median: float
    worst: float


@dataclass(frozen=True, slots=True)
class Host:
    """What was measured of one host.

    Attributes:
        identity: processor, threads, torch's version: what the rates belong to.
        rates: by kind of work; `OTHER` for kinds that were not seen.
        page: seconds for each byte of an allocation that is new to the process.
        between: by phase, seconds from one operator to the next: Python, autograd, what timing an operator adds
            taken off.
        whole: by phase, what a phase of a whole step takes of what its operators add up to when they are timed one by
            one; the median of the steps that the host was calibrated on.
        error: on a few models that were not calibrated on, when it was calibrated.
    """

    identity: Mapping[str, Any]
    rates: Mapping[str, Rates] = field(repr=False)
    page: float
    between: Mapping[str, float]
    whole: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STEP_PHASES, 1.0))
    error: Error | None = None

    def operator(self, call: OpCall) -> float:
        """Estimate the seconds of one operator call."""
        known = self.rates
        works = work_of(call)
        return self.page * paged(call) + sum(
            known.get(work.kind, known[_fallback(work)]).seconds(work) for work in works
        )

    def step(self, record: StepRecord) -> dict[str, float]:
        """Estimate the seconds of a traced step after the first: ``forward``, ``backward``, ``optimizer``, ``step``."""
        return self.phases(call for call in record.calls if call.step == LATER)

    def phases(self, calls: Iterable[OpCall]) -> dict[str, float]:
        """Add up operator calls by phase."""
        seconds: Counter[str] = Counter()
        for call in calls:
            seconds[call.phase] += max(0.0, self.operator(call) + self.between[call.phase])  # type: ignore[assignment]  # a Counter of floats
        by_phase = {phase: self.whole[phase] * float(seconds[phase]) for phase in STEP_PHASES}
        return by_phase | {"step": sum(by_phase.values())}

    def to_dict(self) -> dict[str, Any]:
        """Return the host as plain data, four digits of each rate."""
        rates = {
            kind: {name: _short(value) for name, value in asdict(rates).items() if value}
            for kind, rates in sorted(self.rates.items())
        }
        return {
            "schema": SCHEMA,
            "host": dict(self.identity),
            "error": asdict(self.error) if self.error else None,
            "page": _short(self.page),
            "between": {phase: _short(value) for phase, value in self.between.items()},
            "whole": {phase: _short(value) for phase, value in self.whole.items()},
            "rates": rates,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Host:
        """Read what `to_dict` wrote.

        Raises:
            ValueError, LookupError, TypeError: for anything else.
        """
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}")
        rates = {kind: Rates(**{name: _number(v) for name, v in row.items()}) for kind, row in data["rates"].items()}
        between, whole = ({phase: _finite(data[name][phase]) for phase in STEP_PHASES} for name in ("between", "whole"))
        found = Host(
            dict(data["host"]),
            rates,
            _number(data["page"]),
            between,
            whole,
            _error(**data["error"]) if data["error"] else None,
        )
        if missing := NEEDED - rates.keys():
            raise ValueError(f"no rates of {', '.join(sorted(missing))}")
        return found


_STAND_INS = {
    "depthwise_strided": "depthwise",
    "depthwise_large": "depthwise",
    "pointwise_few": "pointwise",
    "grouped": "standard",
}
"""Kinds of layers that stand for others where those were not seen."""

_PRODUCTS = ("forward", "input", "weight")
NEEDED = frozenset({OTHER, "mm", *(f"{layer}.{name}" for layer in {*_STAND_INS.values()} for name in _PRODUCTS)})
"""Kinds that every host has rates of; the others have one of these to stand for them."""


def _fallback(work: Work) -> str:
    layer, dot, product = work.kind.partition(".")
    if dot:
        return f"{_STAND_INS.get(layer, layer)}.{product}"
    return "mm" if work.flops else OTHER


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _number(value: Any) -> float:
    if not 0 <= _finite(value) < 1:
        raise ValueError(f"no rate: {value}")
    return float(value)


def _finite(value: Any) -> float:
    """Return a number as it stands in a file: of whole steps, of gaps, of errors; never as large as ``MOST``."""
    if type(value) not in (int, float) or not abs(value) < MOST:
        raise ValueError(f"no number: {value!r:.40}")
    return float(value)


def _error(cells: Any, median: Any, worst: Any) -> Error:
    if type(cells) is not int or cells < 1:
        raise ValueError(f"no number of cells: {cells!r:.40}")
    return Error(cells, _finite(median), _finite(worst))
