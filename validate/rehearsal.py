"""A real step beside its trace: whether they are equal, and where they part."""

from __future__ import annotations

from itertools import zip_longest

import torch

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.record import StepRecord
from validate.operators.trails import made_something, trail
from validate.step.census import Census
from validate.step.run import run


def difference(setup: Setup, point: Point, record: StepRecord) -> str:
    """Run both steps of a cell under the second recorder, and say where they part from its trace; empty if nowhere.

    Args:
        setup: the cell.
        point: the sizes.
        record: the trace there.
    """
    seen: list[tuple[str, int]] = []
    census = Census()

    def note(name: str, returned: list[torch.Tensor]) -> None:
        if made_something(name, returned):
            seen.append((name, census.total))

    census.watch = note
    run(setup, point, census)
    counted = {f"memory.{group}": peak for group, peak in census.peaks.items()} | {"memory.peak": census.peak}
    predicted = add_up(record)
    wrong = [key for key, value in counted.items() if predicted[key] != value]
    if not wrong:
        return ""
    traced = trail(record.calls, record.events)
    for place, (real, other) in enumerate(zip_longest(seen, traced)):
        if real != other:
            return f"at operator {place}: {_said(real)} for real, {_said(other)} in the trace"
    shown = ", ".join(f"{key} {counted[key]:,} for real, {predicted[key]:,} in the trace" for key in wrong)
    return f"in their groups: {shown}"


def _said(step: tuple[str, int] | None) -> str:
    return f"{step[0]} leaves {step[1]:,} bytes" if step else "nothing"
