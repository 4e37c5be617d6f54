"""What each cell of a suite is predicted to measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from costmodel.algebra.formula import PEAK
from costmodel.cell.request import request_at
from costmodel.errors import CostModelError
from costmodel.sources.source import Source
from validate.cell import OPERATORS, CellSpec
from validate.depths import DEPTHS

Number = int | float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a cell is predicted to measure.

    Attributes:
        numbers: bytes, FLOPs or seconds by quantity; ``None`` where there is none.
        peak: bytes of tensors that the step needs, at whatever depth; ``None`` where not even that is known.
        error: why there are no numbers.
    """

    numbers: Mapping[str, Number] | None
    peak: int | None
    error: CostModelError | None = None


def predictions(
    planned: Iterable[CellSpec], limit: int, stored: Mapping[str, Mapping[str, Number]] | None = None
) -> Iterator[tuple[CellSpec, Prediction]]:
    """Yield each cell with its prediction.

    Args:
        planned: the cells; neighbours share their formulas.
        limit: bytes of tensors above which only the peak is predicted.
        stored: estimates to take instead of this machine's, by cell: those of the machine that measured it.
    """
    source: Source | None = None
    for spec in planned:
        setup = spec.setup
        if source is None or source.setup.identity is None or source.setup.identity != setup.identity:
            source = Source(setup, rehearsing=False)  # neighbours share theirs, others the disk cache
        try:
            exact = source.derivation(request_at(setup, spec.point)).formula.evaluate(spec.point)
        except CostModelError as error:
            yield spec, Prediction(None, None, error)
            continue
        if spec.depth == OPERATORS or exact[PEAK] > limit:
            yield spec, Prediction(exact, exact[PEAK])
            continue
        if stored is not None:  # of the machine that measured it
            known = stored.get(spec.key)
            yield spec, Prediction(known, exact[PEAK], None if known else CostModelError("its record has none"))
            continue
        try:
            yield spec, Prediction(DEPTHS[spec.depth].predict(setup, spec.at), exact[PEAK])
        except CostModelError as error:
            yield spec, Prediction(None, exact[PEAK], error)
