"""``python -m validate.depths.highwater CELL``: run one step here and print how far resident memory rose, in bytes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from costmodel.compat import careful_imports
from costmodel.errors import CostModelError, InputError

PROCESS = Path("/proc/self")
REFUSED = 2
"""Exit status where the cell, or the system, cannot be measured at all."""

RESET_PEAK = "5"
"""What tells Linux to forget the high-water mark so far (``man 5 proc``, clear_refs)."""


def memory(field: str) -> int:
    """Return a field of this process's memory, in bytes: ``VmRSS`` now, ``VmHWM`` at its largest.

    Raises:
        InputError: on a system without ``/proc``.
    """
    try:
        status = (PROCESS / "status").read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("resident memory is read from /proc/self/status, which only Linux has") from error
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise InputError(f"/proc/self/status does not say {field}")
    return int(found[1]) * 1024


def main() -> None:
    """Import everything, note what is resident, run the step, print the rise."""
    memory("VmHWM")  # before anything is imported: a system without it is told so at once
    with careful_imports():
        import galore_torch  # noqa: F401  # part of the baseline
        import peft  # noqa: F401  # part of the baseline
        import torch
        import torchvision  # noqa: F401  # part of the baseline

        from validate.cell import CellSpec
        from validate.step.run import run

    spec = CellSpec(**json.loads(sys.argv[1]))
    setup, point = spec.setup, spec.at
    torch.set_num_threads(1)
    (PROCESS / "clear_refs").write_text(RESET_PEAK, encoding="utf-8")
    baseline = memory("VmRSS")
    run(setup, point)
    print(memory("VmHWM") - baseline)


if __name__ == "__main__":
    try:
        main()
    except CostModelError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
