"""An estimate with what a host adds to it: the memory of the whole process, and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from costmodel.questions.estimate import Estimate
from costmodel.results import Result

if TYPE_CHECKING:
    from costmodel.machine.resident import ResidentEstimate
    from costmodel.machine.seconds.answer import Seconds


@dataclass(frozen=True)
class OnHost(Result):
    """What a step costs, and what it takes of a host, as far as that was asked for.

    Attributes:
        estimate: tensors and FLOPs, exact.
        process: resident memory of a process of its own, estimated.
        time: seconds, estimated.
    """

    SCHEMA: ClassVar[str] = Estimate.SCHEMA

    estimate: Estimate
    process: ResidentEstimate | None = None
    time: Seconds | None = None

    def content(self) -> dict[str, Any]:
        """Return the estimate's content, and beside it what was asked for of the host."""
        beside = {"process": self.process, "time": self.time}
        return self.estimate.content() | {name: one.to_dict() for name, one in beside.items() if one}
