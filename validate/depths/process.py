"""Depth 3: the step in a fresh process of its own; how far its resident memory rises above the libraries it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from costmodel.cell.setup import Setup
from costmodel.cell.training import require_float32
from costmodel.contract import Point
from costmodel.errors import InputError
from validate.cell import CellSpec
from validate.depths.base import Depth

SETTINGS = {"controlled": {"MALLOC_MMAP_THRESHOLD_": "65536"}, "default": {}}
"""What the environment says to glibc's allocator: to map whatever has 64 KiB or more, or nothing at all."""

MALLOC = "MALLOC_"
"""How the names of such variables begin; those of the caller are left out."""


class Process(Depth):
    """The high-water mark of resident memory, beside an estimate from a trace on shapes."""

    def measure(self, spec: CellSpec) -> dict[str, int]:
        """Run the step once in each setting.

        Returns:
            ``process.controlled`` and ``process.default``: bytes that the high-water mark of resident memory lies above
            what the process held when it had imported its libraries and before it built the model.

        Raises:
            InputError: where the system does not say how much memory a process holds, or the cell is refused.
            RuntimeError: where the process fails, or is killed.
        """
        return {f"process.{name}": _rise(spec, variables) for name, variables in SETTINGS.items()}

    def predict(self, setup: Setup, point: Point) -> dict[str, int]:
        """Estimate both; see `costmodel.machine.resident`."""
        from costmodel.machine.resident import resident
        from costmodel.machine.workspaces import this_host
        from costmodel.tracing.step import record_step

        require_float32(setup.training, "a process is")
        found = resident(record_step(setup, point), this_host())
        return {"process.controlled": found.controlled, "process.default": found.default}


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process that is measured: one thread, and of allocator settings only these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(MALLOC)}
    return {**inherited, **variables, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _rise(spec: CellSpec, variables: dict[str, str]) -> int:
    from validate.depths.highwater import REFUSED

    command = [sys.executable, "-m", "validate.depths.highwater", spec.key]
    done = subprocess.run(command, env=environment(variables), capture_output=True, text=True, check=False)  # noqa: S603  # our own
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        if done.returncode == REFUSED:
            raise InputError(last)
        raise RuntimeError(f"the process of {spec.model} {spec.method} ended with status {done.returncode}: {last}")
    return int(json.loads(done.stdout.splitlines()[-1]))


DEPTH = Process(
    "process",
    "resident memory of the process above its baseline",
    exact=False,
    headline="process.controlled",
)
