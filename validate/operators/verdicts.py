"""What became of each entry of the operator database: equal, different or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from costmodel.compat import quiet
from costmodel.errors import CostModelError, shown
from costmodel.tracing.memo import ShapeMemo
from validate.operators.database import SCALES, dtype_of, name_of, samples
from validate.operators.sides import Which, as_traced, on_the_cpu

TRAINED: Mapping[str, Which] = {
    "all": lambda _place: True,
    "first": lambda place: place == 0,
    "others": lambda place: place > 0,
}
"""Which floating inputs require a gradient: all, the first one (an input), or the others (parameters)."""


@dataclass(frozen=True)
class Verdict:
    """How the runs of one entry compare.

    Attributes:
        name: of the entry.
        dtype: element type of its samples.
        equal: runs of which live bytes after every operator are equal.
        different: runs of which they are not.
        refused: runs that the tracer refuses, by reason.
        failed: runs that fail on the CPU itself: a sample whose sizes have been taken several times may.
        first: the first difference, in words.
    """

    name: str
    dtype: str
    equal: int = 0
    different: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    first: str = ""

    @property
    def word(self) -> str:
        """One word for it: ``different``, ``refused``, ``equal``, or ``not run`` where no sample runs on the CPU."""
        if self.different:
            return "different"
        return "refused" if self.refused else "equal" if self.equal else "not run"


def judged(entry: Any, memo: ShapeMemo, scales: tuple[int, ...] = SCALES, most: int | None = None) -> Verdict:
    """Run the samples of an entry on both sides, in every way of training.

    Args:
        entry: of torch's operator database.
        memo: calls the operators.
        scales: how many times the sizes of a sample are taken.
        most: samples to run at most; all where left out.
    """
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    first = ""
    ways = TRAINED if entry.supports_autograd else {"none": lambda _place: False}
    for sample, way in islice(product(samples(entry, scales), ways), most):
        with quiet():
            try:
                real = on_the_cpu(sample, ways[way])
            except Exception:  # whatever a kernel does not take
                counts["failed"] += 1
                continue
            for known in (True, False):
                try:
                    traced = as_traced(sample, ways[way], memo, known=known)
                except CostModelError as error:
                    refused[shown(error, 100)] += 1
                    continue
                counts["equal" if traced == real else "different"] += 1
                if traced != real and not first:
                    pairs = [*zip(real, traced, strict=False), (f"{len(real)} operators", f"{len(traced)}")]
                    one, other = next(pair for pair in pairs if pair[0] != pair[1])
                    first = f"sample {sample.place}, {way} trained: {one} on the CPU, {other} traced"
    return Verdict(name_of(entry), str(dtype_of(entry)).removeprefix("torch."), **counts, refused=refused, first=first)
