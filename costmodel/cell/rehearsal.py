"""Whether a module that nobody has tested is run once, for real, beside its trace, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.options import Choices, Number, Switch, Text, option
from costmodel.units import read_bytes


@dataclass(frozen=True, slots=True)
class Rehearsal(Choices):
    """The dress rehearsal of a caller's own module, at the smallest sizes that it takes.

    Attributes:
        no_rehearsal: leave it out.
        rehearsal_seconds: so long it may take, by what the trace says.
        rehearsal_memory: so much memory it may take, in bytes or with a unit.
    """

    no_rehearsal: bool = option(False, Switch(), "Do not run a module of yours once, to compare it with its trace.")
    rehearsal_seconds: float = option(1.0, Number(), "Most seconds that such a run may take (1).")
    rehearsal_memory: str = option(
        "256MiB", Text("bytes, such as 256MiB"), "Most memory that such a run may take (256MiB)."
    )

    def __post_init__(self) -> None:
        Choices.__post_init__(self)  # super() does not find a dataclass with slots
        read_bytes("rehearsal-memory", self.rehearsal_memory)

    @property
    def nbytes(self) -> int:
        """The memory in bytes."""
        return read_bytes("rehearsal-memory", self.rehearsal_memory)
