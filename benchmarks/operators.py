"""Compare what the CPU does with what the tracer sees, for every operator of torch's own database.

    .venv/bin/python benchmarks/operators.py [NAME ...] [--jobs 2] [--write] [--smallest]

Each entry of ``torch.testing._internal.common_methods_invocations.op_db`` is run forward and backward with its sample
inputs, their sizes taken 1, 2 and 3 times, with gradients of all floating inputs, of the first, and of the others: on
real tensors under a recorder, and on tensors without data as the tracer does, once with the values of inputs that are
no floats and once without. Live bytes have to be equal after every operator that makes something. Exit status 0 where
no entry is silently different. ``--write`` writes ``docs/operators.md``. The database needs ``pip install expecttest``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from costmodel.files import write_whole
from costmodel.sources.versions import installed
from costmodel.terminal.console import progress
from costmodel.tracing.cpu import ANSWERED, COMPOSITES, CORRECTED
from costmodel.tracing.memo import ShapeMemo
from validate.operators.database import entries, name_of
from validate.operators.verdicts import Verdict, judged

PAGE = Path(__file__).parents[1] / "docs" / "operators.md"


@cache
def database() -> dict[str, Any]:
    return {name_of(entry): entry for entry in entries()}


def one(name: str, most: int | None) -> Verdict:
    import torch

    torch.set_num_threads(1)
    return judged(database()[name], ShapeMemo(), most=most)


def verdicts(names: list[str], jobs: int, most: int | None) -> list[Verdict]:
    found = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool, progress() as say:
        running = {pool.submit(one, name, most): name for name in names}
        for done, future in enumerate(as_completed(running), start=1):
            say(running[future], done, len(names))
            found.append(future.result())
    return sorted(found, key=lambda verdict: verdict.name)


def summary(found: list[Verdict]) -> str:
    counts = Counter(verdict.word for verdict in found)
    runs = sum(verdict.equal for verdict in found)
    told = ", ".join(f"{counts[word]} {word}" for word in ("equal", "refused", "not run", "different"))
    return f"{len(found)} entries, {runs:,} runs equal: {told}"


def table(columns: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def page(found: list[Verdict]) -> str:
    corrected = [(name.removeprefix("aten."), row.reason) for name, row in {**CORRECTED, **ANSWERED}.items()]
    corrected += [(function.__name__, reason) for function, (_, reason) in COMPOSITES.items()]
    torch = installed(())["torch"]
    refused = (verdict for verdict in found if verdict.word == "refused")
    return f"""# Operators

What an operator costs on the CPU is decided by its kernel; a trace without data sees its kernel of shapes. Where the two differ silently, an answer is
wrong without a word. So every entry of torch's own database of operators is run both ways, forward and backward, and the bytes alive after each
operator are compared:

```bash
.venv/bin/python benchmarks/operators.py --jobs 2
```

torch {torch}: {summary(found)}. A run is one sample with its sizes taken 1, 2 or 3 times, gradients of all floating inputs, of the first one or of the others, and
inputs that are no floats with or without their values. Calls that only look at a storage in another way are left out on both sides, and those whose results
have no elements: they make nothing, and torch runs others of them on tensors without data. An entry is *refused* if one of its runs is; the others are
equal. Samples of entries that take no float32 are integers, booleans or complex numbers. *Not run* are entries without a sample for the CPU.

## Corrected

Here the tracer does as the CPU's kernel does (`costmodel/tracing/cpu.py`):

{table(("operator", "what the CPU does otherwise"), iter(sorted(corrected)))}
`convolution_backward`, `native_layer_norm_backward` and their like leave a gradient out that is not asked for; some kernels of shapes make it all the same.

## Refused

One line names the operator. Nearly all return a shape, or take a path, that only data could tell.

{table(("entry", "runs refused", "of", "reason"), ((verdict.name, f"{sum(verdict.refused.values()):,}", f"{sum(verdict.refused.values()) + verdict.equal:,}", max(verdict.refused, key=verdict.refused.__getitem__)) for verdict in refused))}
## Every entry

{table(("entry", "dtype", "verdict", "runs equal", "refused", "fail on the CPU"), ((verdict.name, verdict.dtype, verdict.word, f"{verdict.equal:,}", f"{sum(verdict.refused.values()):,}", f"{verdict.failed:,}") for verdict in found))}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="entries; all where left out")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/operators.md")
    parser.add_argument("--smallest", action="store_true", help="a few runs of one entry in forty")
    told = parser.parse_args()
    names = told.names or (list(database())[::40] if told.smallest else list(database()))
    found = verdicts(names, told.jobs, 6 if told.smallest else None)
    for verdict in found:
        if verdict.word != "equal":
            print(verdict.word, verdict.name, verdict.first or dict(verdict.refused))
    print(summary(found))
    if told.write:
        write_whole(PAGE, page(found))
    return int(any(verdict.different for verdict in found))


if __name__ == "__main__":
    sys.exit(main())
