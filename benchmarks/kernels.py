"""Which convention the clock obeys: every convolution of five models, its three products, and GaLore's SVDs.

    .venv/bin/python benchmarks/kernels.py --output docs/validation

Single-threaded, in this process, the fastest of the repeats; a minute on a machine that does nothing else. Writes
kernels.csv (each product), kernels.json (everything) and kernels.svg, and prints what each convention explains.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from costmodel.files import write_whole
from costmodel.output.plots import save
from costmodel.terminal.tables import show
from validate.host.kernels import study
from validate.host.kernels_figure import figure
from validate.host.kernels_table import blocks


def main() -> None:
    parser = argparse.ArgumentParser(description="Time convolutions and SVDs.")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--budget", type=float, default=40.0, help="seconds for the convolutions")
    parser.add_argument("--smallest", action="store_true", help="one small cell, once: to see that all of this runs")
    given = parser.parse_args()
    found = study(("mobilenet_v3_small", "regnet_y_400mf"), 0.0) if given.smallest else study(budget=given.budget)
    write_whole(given.output / "kernels.csv", found.to_csv())
    write_whole(given.output / "kernels.json", json.dumps(found.to_dict(), indent=1) + "\n")
    save(figure(found), given.output / "kernels.svg")
    show(blocks(found))


if __name__ == "__main__":
    main()
