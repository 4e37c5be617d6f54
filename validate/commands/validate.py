"""``costmodel validate``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.errors import InputError
from costmodel.terminal.arguments import CellArguments, takes_cell
from costmodel.terminal.console import print_json, progress, working
from costmodel.terminal.declared import AsJson
from costmodel.terminal.tables import show
from costmodel.units import read_bytes

if TYPE_CHECKING:
    from validate.suites.rows import SuiteTable
    from validate.workers.limits import Limits
    from validate.workers.pool import Executor

_RUN = "Many cells"


@dataclass(frozen=True, slots=True)
class Run:
    """How the cells of a suite are run, as asked for on the command line."""

    part: str | None = None
    jobs: int = 1
    memory_limit: str | None = None
    time_limit: int | None = None
    retries: int = 1
    scheduler: str | None = None

    @property
    def given(self) -> list[str]:
        """The options that are not at their default."""
        changed = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        return [f"--{name.replace('_', '-')}" for name in changed]

    def limits(self) -> Limits:
        """Return what each measuring process may use; cores are shared out among the processes of this machine.

        Raises:
            InputError: for a limit that cannot be read, or that this system does not enforce.
        """
        from validate.workers.limits import Limits, check_memory_limit

        memory = None if self.memory_limit is None else read_bytes("memory-limit", self.memory_limit)
        if memory is not None and self.scheduler is None:
            check_memory_limit(memory)
        threads = 1 if self.scheduler is not None else max(1, (os.cpu_count() or 1) // self.jobs)
        return Limits(memory, self.time_limit, threads)

    def executor(self, limits: Limits, versions: Mapping[str, str]) -> Executor:
        """Return what measures the cells.

        Raises:
            InputError: for a scheduler that cannot be used.
        """
        if self.scheduler is None:
            from validate.workers.pool import pool

            return pool(self.jobs, limits)
        if self.jobs != _DEFAULTS.jobs:
            raise InputError("--jobs with --scheduler: the cluster's workers decide how many cells run at a time")
        from validate.workers.cluster import cluster

        return cluster(self.scheduler, limits, versions)


_DEFAULTS = Run()


def _run_option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=_RUN, show_default=False, **more)


@takes_cell
def validate(
    cell: CellArguments,
    as_json: AsJson = False,
    depth: Annotated[
        str | None,
        typer.Option(
            help="What the step is watched by: operators (every tensor and FLOP), allocator (bytes really allocated), "
            "cuda (the same on a GPU), process (resident memory), time (seconds); all but the first are compared with "
            "estimates.  [default: operators]",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Measure many cells: paper (the paper's 20), zoo (all models and methods), settings (optimizers, "
            "precisions, options), tasks (segmentation, video, text), process and clock (which judge those "
            "estimates), or a .toml file. A MODEL leaves the others out.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder of a suite's journal and tables; measured cells are not measured again.", rich_help_panel=_RUN
        ),
    ] = Path("validation"),
    part: Annotated[
        str | None, _run_option("K/N: every N-th cell from the K-th on, for N machines; 'costmodel merge' joins them.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Processes that measure at a time.", rich_help_panel=_RUN)
    ] = _DEFAULTS.jobs,
    memory_limit: Annotated[
        str | None, _run_option("Of each measuring process, torch's own 0.4 GiB included, such as 8GiB.")
    ] = None,
    time_limit: Annotated[int | None, _run_option("Seconds that a cell may take.", min=1, max=10**7)] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="How often cells that failed are tried again.", rich_help_panel=_RUN)
    ] = _DEFAULTS.retries,
    scheduler: Annotated[
        str | None, _run_option("Measure on a Dask cluster, tcp://HOST:PORT, instead of this machine.")
    ] = None,
) -> None:
    """Run the real step and print predicted, measured and difference for every number.

    Exit status 0 when all are equal, 1 when any differs. An estimate (every --depth but operators) has no "equal":
    its relative error is shown, and the status is 0 when it was measured.
    """
    from validate.cell import OPERATORS
    from validate.depths import depth_named

    if depth is not None:
        depth_named(depth)
    run = Run(part, jobs, memory_limit, time_limit, retries, scheduler)
    if suite is not None:
        if cell.given:
            raise InputError(f"--suite {suite} excludes {', '.join(cell.given)}: a suite has cells of its own")
        raise typer.Exit(_run_suite(suite, cell.model, depth, output, run, as_json))
    if run.given:
        raise InputError(f"{', '.join(run.given)}: only with --suite; a single cell is run as it is")
    from validate.api import validate as validated

    with working() as say:
        found = validated(cell.named, cell.method, depth=depth or OPERATORS, working=say, **cell.settings, **cell.sizes)
    if as_json:
        print_json(found)
    else:
        from validate.commands.blocks import measured_blocks

        show(measured_blocks(found))
    raise typer.Exit(1 if found.equal is False else 0)


def _run_suite(suite: str, model: str | None, depth: str | None, folder: Path, run: Run, as_json: bool) -> int:
    from validate.suites.plan import plan_of
    from validate.suites.table import LIMIT, journal_of, validate_suite

    plan = plan_of(suite)
    plan = plan.at_depth(depth) if depth is not None else plan
    plan = plan.of_model(model) if model is not None else plan
    plan = plan.part(run.part) if run.part is not None else plan
    limits = run.limits()
    execute = run.executor(limits, journal_of(plan, folder).versions)
    with progress() as say:
        table = validate_suite(
            plan, folder, execute, say, retries=run.retries, limit=LIMIT if limits.memory is None else limits.memory
        )
    return print_suite(table, as_json)


def print_suite(table: SuiteTable, as_json: bool) -> int:
    """Print a suite's table and return the exit status that goes with it."""
    if as_json:
        print_json(table)
    else:
        from validate.commands.blocks import suite_blocks

        show(suite_blocks(table))
    return 0 if table.equal else 1
