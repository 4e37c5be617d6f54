"""Compare what the CPU does with what the tracer sees, for every operator of torch's own database.

    .venv/bin/python benchmarks/operators.py [NAME ...] [--jobs 2] [--most 60] [--write] [--smallest]

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
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from costmodel.files import write_whole
from costmodel.sources.versions import installed
from costmodel.terminal.console import progress
from costmodel.tracing.cpu import ANSWERED, COMPOSITES, CORRECTED, MEASURED, SPARSE
from costmodel.tracing.memo import ShapeMemo
from validate.operators.database import entries, name_of
from validate.operators.verdicts import Verdict, judged

BEGIN = "<!-- generated: benchmarks/operators.py --write -->\n"
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


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def page(found: list[Verdict], most: int | None) -> str:
    """Return what stands on the page after its introduction."""
    corrected = [(name.removeprefix("aten."), row.reason) for name, row in {**CORRECTED, **ANSWERED, **SPARSE}.items()]
    corrected += [(name.removeprefix("aten."), reason) for name, reason in MEASURED.items()]
    corrected += [(function.__name__, reason) for function, (_, reason) in COMPOSITES.items()]
    refused = [verdict for verdict in found if verdict.word == "refused"]
    rows = (
        (one.name, one.dtype, one.word, f"{one.equal:,}", f"{sum(one.refused.values()):,}", f"{one.failed:,}")
        for one in found
    )
    parts = (
        f"torch {installed(())['torch']}: {summary(found)}" + (f"; at most {most} runs an entry." if most else "."),
        "## Corrected",
        table(("operator", "what the CPU does otherwise"), sorted(corrected)),
        "## Refused",
        table(("entry", "runs refused", "runs equal", "reason of most"), map(refusal, refused)),
        "## Every entry",
        table(("entry", "dtype", "verdict", "runs equal", "refused", "fail on the CPU"), rows),
    )
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def refusal(verdict: Verdict) -> tuple[str, ...]:
    reason = max(verdict.refused, key=verdict.refused.__getitem__)
    return verdict.name, f"{sum(verdict.refused.values()):,}", f"{verdict.equal:,}", reason


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="entries; all where left out")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--most", type=int, help="runs of an entry at most; all where left out")
    parser.add_argument("--write", action="store_true", help="write docs/operators.md")
    parser.add_argument("--smallest", action="store_true", help="a few runs of one entry in forty")
    told = parser.parse_args()
    names = told.names or (list(database())[::40] if told.smallest else list(database()))
    found = verdicts(names, told.jobs, 6 if told.smallest else told.most)
    for verdict in found:
        if verdict.word != "equal":
            print(verdict.word, verdict.name, verdict.first or dict(verdict.refused))
    print(summary(found))
    if told.write:
        introduction, begin, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        write_whole(PAGE, f"{introduction}{begin}\n{page(found, told.most)}")
    return int(any(verdict.different for verdict in found))


if __name__ == "__main__":
    sys.exit(main())
