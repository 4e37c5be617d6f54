"""How long steps take, and how long the calibrated estimate says that they take.

    .venv/bin/python benchmarks/clock.py --output docs/validation [--recalibrate]

Single-threaded, in this process. Calibrates this host where it is not calibrated yet (a minute), then times about sixty
steps and estimates each (five minutes on a machine that does nothing else). Writes time.csv, a row for each cell, and
host.json, the rates; prints quantiles of the error of models that the host was not calibrated on.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from costmodel.files import write_whole
from costmodel.terminal.tables import Line, show
from validate.host.calibrate import CALIBRATION, HELD_OUT, calibrate, calibrated
from validate.host.timings import CELLS, measured, summary, to_csv


def main() -> None:
    parser = argparse.ArgumentParser(description="Time steps and estimate them.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    parser.add_argument("--recalibrate", action="store_true", help="measure this host again")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for each step")
    parser.add_argument("--cells", type=int, default=len(CELLS), help="only the first few of them")
    given = parser.parse_args()

    def say(text: str, done: int, total: int) -> None:
        print(f"{done + 1}/{total} {text}", flush=True)

    if given.smallest:
        given.budget, given.cells = 0.0, 1
        with tempfile.TemporaryDirectory() as folder:
            os.environ["COSTMODEL_CACHE_DIR"] = folder  # such rates are not to be kept
            few = [cell for cell in CALIBRATION if (cell.batch, cell.side) == (4, 96)]
            host = calibrate(1, say, few, HELD_OUT[:1])
    else:
        host = calibrate(1, say) if given.recalibrate else calibrated(1, say)
    write_whole(given.output / "host.json", json.dumps(host.to_dict(), indent=1) + "\n")
    rows = []
    for done, cell in enumerate(CELLS[: given.cells]):
        rows.append(measured(host, cell, given.budget))
        row = rows[-1]
        print(f"{done + 1}/{given.cells} {cell.label}: {row.step * 1e3:.1f} ms, {row.error:+.1%}", flush=True)
    write_whole(given.output / "time.csv", to_csv(rows))
    show([Line(), summary(rows)])


if __name__ == "__main__":
    main()
