"""What a section of the report measures with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from validate.cell import CellSpec
from validate.suites.plan import Plan
from validate.suites.rows import SuiteTable
from validate.suites.table import validate_suite
from validate.workers.limits import Limits
from validate.workers.pool import pool

Say = Callable[[str, int, int], None]

WORDS = ("costmodel", "report")


@dataclass(frozen=True, slots=True)
class Context:
    """What a section measures with.

    Attributes:
        folder: of journals, where an interrupted report goes on from.
        jobs: how many processes measure at a time.
        say: told what is being measured, how much is done and how much there is.
        packages: version of each package and of Python, as the report states them.
    """

    folder: Path
    jobs: int
    say: Say
    packages: Mapping[str, str]

    def measure(self, name: str, cells: Iterable[CellSpec], jobs: int | None = None) -> SuiteTable:
        """Measure cells, each in a process of its own; what the journal of that name has is not measured again."""
        plan = Plan(name, WORDS, tuple({spec.key: spec for spec in cells}.values()), whole=False)
        return validate_suite(plan, self.folder, pool(jobs or self.jobs, Limits()), self.say)
