"""The dress rehearsal: a caller's module runs once, for real and small, and its trace is compared with it.

Running and measuring is the validator's, above all of this: it is named here, and imported where a rehearsal is held.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from costmodel.algebra.formula import INPUT, PEAK, CostFormula, flops_key
from costmodel.cell.setup import Setup
from costmodel.contract import PHASES, STEPS, Point
from costmodel.errors import CostModelError, TraceError
from costmodel.units import size

if TYPE_CHECKING:
    from costmodel.tracing.record import StepRecord

FLOPS_A_SECOND = 2 * 10**9
"""A careful guess of what any host does, to say how long a rehearsal would take."""

SECONDS_A_CALL = 60e-6
"""The same of an operator's call under the recorder."""

_MEASURER = "validate.rehearsal"


class Rehearsed(NamedTuple):
    """What a rehearsal has found.

    Attributes:
        point: where the step was run; empty where it was not.
        reason: why it was not run; empty where it was, and was equal in every byte.
    """

    point: dict[str, int]
    reason: str = ""

    @property
    def equal(self) -> bool:
        """Whether it was run, and was equal."""
        return not self.reason


def rehearse(setup: Setup, formula: CostFormula, record: StepRecord, point: Point) -> Rehearsed:
    """Run a step for real, and compare it with its trace, byte by byte.

    Args:
        setup: the cell.
        formula: holds at the point.
        record: the trace at the point.
        point: the sizes.

    Raises:
        TraceError: where the two part, with the operator.
    """
    numbers = formula.evaluate(point.values())
    memory = numbers[PEAK] + numbers[INPUT]
    flops = STEPS * sum(numbers[flops_key("arithmetic", phase)] for phase in PHASES)
    seconds = flops / FLOPS_A_SECOND + len(record.calls) * SECONDS_A_CALL
    if memory > setup.rehearsal.nbytes:
        return Rehearsed({}, f"it would take {size(memory)}, more than {setup.rehearsal.rehearsal_memory}")
    if seconds > setup.rehearsal.rehearsal_seconds:
        return Rehearsed({}, f"it would take about {seconds:.1f} s, more than {setup.rehearsal.rehearsal_seconds:g} s")
    from costmodel.compat import quiet  # with torch, which is there by now

    try:
        with quiet():
            parts = import_module(_MEASURER).difference(setup, point, record)
    except CostModelError:
        raise
    except (Exception, SystemExit) as error:  # whatever stops a real step
        return Rehearsed({}, f"the real step fails, {type(error).__name__}: {' '.join(str(error).split())}")
    if parts:
        raise TraceError(
            f"{setup.subject.name} cannot be costed: at {point.values()} its real step and its trace part, {parts}"
        )
    return Rehearsed(point.values())
