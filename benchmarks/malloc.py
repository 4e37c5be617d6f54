"""What holding fragmentation down costs in time: whole steps, one thread, both settings of the allocator in turn.

python benchmarks/malloc.py --output docs/validation    writes malloc.csv, prints the ratios
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from costmodel.files import write_whole
from costmodel.terminal.tables import Row, Table, show
from validate.depths.process import SETTINGS, environment

CELLS = (("mobilenet_v2", "fft", 4), ("mobilenet_v2", "lora", 4), ("resnet18", "galore", 4))
ROUNDS = 2
CHILD = """
import json, sys
from costmodel.compat import careful_imports
with careful_imports():
    from validate.depths import clock
from validate.cell import CellSpec
spec = CellSpec(**json.loads(sys.argv[1]))
print(clock.DEPTH.measure(spec)["time.step"])
"""


def seconds(model: str, method: str, batch: int, variables: dict[str, str]) -> float:
    point = {"N": batch, "H": 224, "W": 224} | ({"r": 4} if method in ("lora", "galore") else {})
    cell = json.dumps({"model": model, "method": method, "point": point})
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", CHILD, cell], env=environment(variables), capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    folder, cells, rounds = given.output, CELLS, ROUNDS
    if given.smallest:
        cells, rounds = CELLS[:1], 1
    rows = []
    for model, method, batch in cells:
        best = dict.fromkeys(SETTINGS, float("inf"))
        for _ in range(rounds):
            for name, variables in SETTINGS.items():
                best[name] = min(best[name], seconds(model, method, batch, variables))
        rows.append((model, method, batch, *(f"{best[name]:.4f}" for name in ("default", "controlled"))))
        print(f"{model} {method}: {best}", file=sys.stderr)
    columns = ("model", "method", "batch", "default", "controlled")
    if folder:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        write_whole(folder / "malloc.csv", text.getvalue())
    shown = (Row((*map(str, row), f"{float(row[-1]) / float(row[-2]):.2f}")) for row in rows)
    show([Table((*columns, "ratio"), tuple(shown))])


if __name__ == "__main__":
    main()
