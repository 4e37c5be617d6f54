"""Fit the constants of the process estimate (``costmodel/machine/resident.py``) to measured processes, or judge them.

    python benchmarks/process.py --fit            measures 30 cells of three models, writes specs/process.json
    python benchmarks/process.py --judge FILE     writes the errors of a suite's CSV, on other models, beside them

The step runs on one thread in a fresh process for each measurement, as in ``costmodel validate --depth process``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.compat import careful_imports

with careful_imports():
    import torch
from scipy.optimize import nnls

from costmodel.files import write_whole
from costmodel.machine.resident import CONSTANTS, FEATURES, features
from costmodel.machine.workspaces import allocator_peak, this_host
from costmodel.methods import METHODS, PAPER
from costmodel.sources.derive import Tracer
from costmodel.sources.versions import installed
from validate.cell import CellSpec
from validate.depths.process import DEPTH

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "resnet18")
BATCHES = (2, 16)
NINE_OF_TEN = (0.05, 0.95)


def cells() -> list[CellSpec]:
    """The cells that the constants are fitted to."""
    sizes = [{"N": batch, "H": 224, "W": 224} for batch in BATCHES]
    ranked = {method: {"r": 4} if METHODS[method].ranked else {} for method in PAPER}
    return [CellSpec(model, method, point | ranked[method]) for model in MODELS for method in PAPER for point in sizes]


def fit(jobs: int, specs: list[CellSpec]) -> dict[str, Any]:
    host = this_host()
    rows, code, asked, heap, default = [], [], [], [], []
    with ThreadPoolExecutor(jobs) as pool:
        for spec, measured in zip(specs, pool.map(DEPTH.measure, specs), strict=True):
            record = Tracer(spec.setup).at(spec.at)
            peak = allocator_peak(record, host)
            known = peak.nbytes + sum(record.input_sizes)
            rows.append([features(record, host)[name] for name in FEATURES])
            code.append(measured["process.controlled"] - known)
            asked.append(known)
            heap.append(peak.heap)
            default.append(measured["process.default"])
            print(f"{spec.model} {spec.method} {dict(spec.point)}: {known:,} asked for, {measured}", file=sys.stderr)
    matrix = np.array(rows, dtype=float)
    constants, _ = nnls(matrix, np.array(code, dtype=float))
    fitted = matrix @ constants + np.array(asked)
    holes = float(np.median((np.array(default) - fitted) / np.array(heap)))
    errors = judged((np.array(code) + asked) / fitted, np.array(default) / (fitted + holes * np.array(heap)))
    return {
        "about": "bytes of code by what loads it; bytes of holes that the default allocator has for each in its heap",
        "command": "python benchmarks/process.py --fit",
        "fitted_to": f"{len(rows)} cells: {', '.join(MODELS)}; {', '.join(PAPER)}; batches {BATCHES}",
        "versions": installed(("peft", "galore-torch")),
        "code": dict(zip(FEATURES, map(round, constants.tolist()), strict=True)),
        "default": {"holes": round(holes, 4)},
        **errors,
        "judged_by": "the cells that it was fitted to",
    }


def judged(controlled: np.ndarray, default: np.ndarray) -> dict[str, Any]:
    """Say how far measurements lie from estimates, given measured / estimated."""
    errors = {"controlled": controlled, "default": default}
    return {
        "span": [round(float(share), 4) for share in np.quantile(default, NINE_OF_TEN)],
        "error": {name: round(float(np.median(np.abs(1 / ratio - 1))), 4) for name, ratio in errors.items()},
    }


def judge(table: Path) -> dict[str, Any]:
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ratios = [
        np.array([float(row["measured"]) / float(row["predicted"]) for row in rows if row["quantity"] == name])
        for name in ("process.controlled", "process.default")
    ]
    found = judged(*ratios)
    return {**found, "judged_by": f"{len(ratios[0])} cells of other models: costmodel validate --suite process"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--judge", type=Path, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--smallest", action="store_true", help="fit to two cells, to see that it runs; write nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.smallest:
        print(json.dumps(fit(given.jobs, cells()[:2]), indent=2))
        return
    constants = fit(given.jobs, cells()) if given.fit else json.loads(CONSTANTS.read_text(encoding="utf-8"))
    if given.judge:
        constants |= judge(given.judge)
    write_whole(CONSTANTS, json.dumps(constants, indent=2) + "\n")
    print(json.dumps(constants, indent=2))


if __name__ == "__main__":
    main()
