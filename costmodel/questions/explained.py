"""The peak of a cell explained: why it is where it is, memory over time, and which instant is the peak elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.cell.request import Request, numbers_only
from costmodel.cell.setup import Setup
from costmodel.cell.words import described
from costmodel.contract import GROUPS, Point
from costmodel.errors import CostModelError
from costmodel.questions.peak import Instant, Peak, Timeline, explain, timeline
from costmodel.questions.winners import Around, around
from costmodel.results import INTEGER, TEXT, Result, frame
from costmodel.sources.derive import Tracer
from costmodel.sources.source import Source

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Explanation(Result):
    """Why the peak of a cell is where it is.

    Attributes:
        setup, point: the cell.
        alias: the name that its model was asked for by, where it is another.
        peak: the instant, and what is alive then.
        timeline: the memory of both steps over time.
        elsewhere: which instant is the peak around the point; ``None`` where that was not asked for, or is not known.
        unknown: why it is not known; empty where it is.
    """

    SCHEMA: ClassVar[str] = "costmodel.peak/1"

    setup: Setup
    point: Point
    alias: str | None
    peak: Peak
    timeline: Timeline
    elsewhere: Around | None
    unknown: str

    def content(self) -> dict[str, Any]:
        """Return the cell, its peak, the phases of the step, and where which instant is the peak."""
        return {
            **described(self.setup, self.alias),
            "point": self.point.values(),
            "peak": self.peak.bytes,
            "instant": asdict(self.peak.instant),
            "by_group": dict(self.peak.by_group),
            "by_module": dict(self.peak.by_module),
            "largest": [asdict(tensor) for tensor in self.peak.largest],
            "phases": [asdict(phase) for phase in self.timeline.phases],
            "where": None if self.elsewhere is None else _around(self.elsewhere),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the timeline: one row for each operator call, with the bytes alive at its end by group and in all."""
        columns = {"step": INTEGER, "phase": TEXT, **dict.fromkeys((*GROUPS, "total"), INTEGER)}
        return frame(self._rows(), columns)

    def _rows(self) -> Iterator[dict[str, Any]]:
        over_time = {name: held.tolist() for name, held in self.timeline.groups.items()}
        over_time["total"] = self.timeline.total.tolist()
        for phase in self.timeline.phases:
            for at in range(phase.start, phase.end):
                yield {"step": phase.step, "phase": phase.label} | {name: held[at] for name, held in over_time.items()}


def _around(others: Around) -> dict[str, Any]:
    stretches = [
        {**asdict(stretch), "sizes": dict(stretch.sizes), "instant": _instant(others.instants.get(stretch.term))}
        for stretch in others.stretches
    ]
    return {
        "stretches": stretches,
        "map": {
            "batches": list(others.batches),
            "sides": list(others.sides),
            "terms": [[None if term < 0 else int(term) for term in row] for row in others.map],
        },
        "instants": {str(term): _instant(instant) for term, instant in others.instants.items()},
    }


def _instant(instant: Instant | None) -> dict[str, Any] | None:
    return None if instant is None else asdict(instant)


def explained(
    setup: Setup,
    asked: Request,
    alias: str | None = None,
    *,
    top: int = 10,
    where: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Trace a cell at one point and explain its peak.

    Args:
        setup: the cell.
        asked: the point, numbers only.
        alias: the name that its model was asked for by, where it is another.
        top: how many of the largest storages to name.
        where: whether to say which instant is the peak at other batches and sides, which needs formulas.
        say: told what is being worked on.

    Raises:
        InputError: for bad input.
        TraceError: for a step that cannot be traced.
    """
    point = numbers_only(asked, "the peak is explained at one point")
    say(f"tracing {setup.label}")
    tracer = Tracer(setup)
    record = tracer.at(point)
    elsewhere, unknown = None, ""
    if where:
        say(f"{setup.label}: which instant is the peak where")
        try:
            elsewhere = around(Source(setup), asked, tracer)
        except CostModelError as error:
            unknown = f"no closed form, so only this point is known: {error}"
    return Explanation(setup, point, alias, explain(record, top), timeline(record), elsewhere, unknown)
