"""Questions about many cells at once, as Python calls: compare, sweep, size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel import ranges
from costmodel.api import setup_of
from costmodel.contract import CONVENTIONS
from costmodel.errors import InputError, unknown
from costmodel.methods import PAPER, check_rank_allowed
from costmodel.request import request
from costmodel.source import Source

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.budget import Fit
    from costmodel.comparison import Side
    from costmodel.setup import Setup

Model = Any
"""A name, a factory or an ``nn.Module``, as `costmodel.estimate` takes it."""


def compare(
    models: Model | Sequence[Model],
    methods: Sequence[Any] = PAPER,
    *,
    convention: str = "arithmetic",
    rank: int | None = None,
    point: Mapping[str, int] | None = None,
    **cell: Any,
) -> list[Side]:
    """Estimate models with methods at one point, each beside full fine-tuning of the same model.

    Args:
        models: one model, or several.
        methods: names, peft configurations or `Method` objects; the contract's five by default.
        convention: how FLOPs are counted.
        rank: for the methods that have one.
        point: batch, resolution, height, width, length, as for `costmodel.estimate`.
        **cell: classes, inputs, options and training, as for `costmodel.estimate`.

    Returns:
        A side for each cell: its estimate and what it takes of full fine-tuning. `costmodel.comparison.to_frame` makes
        a table of them.

    Raises: as `costmodel.estimate`.
    """
    from costmodel.api import answer
    from costmodel.comparison import side_by_side

    _check_convention(convention)
    setups = _setups(models, methods, rank, cell)
    estimates = [answer(Source(setup), request(setup, **_at(setup, rank, point)), None) for setup in setups]
    return side_by_side(estimates, convention, [place // len(methods) for place in range(len(setups))])


def sweep(
    models: Model | Sequence[Model],
    methods: Sequence[Any] = PAPER,
    *,
    rank: Sequence[int] | None = None,
    batch: Sequence[int] = (1,),
    resolution: Sequence[int] | None = None,
    height: Sequence[int] | None = None,
    width: Sequence[int] | None = None,
    length: Sequence[int] | None = None,
    working: Callable[[str, int, int], None] = lambda *_: None,
    **cell: Any,
) -> pd.DataFrame:
    """Evaluate every combination of sizes for models with methods; ``range(1, 65)`` and lists alike.

    Args:
        models: one model, or several.
        methods: as `compare`.
        rank: for the methods that have one.
        batch: batch sizes.
        resolution: heights and widths at once.
        height: pixels.
        width: pixels.
        length: tokens of a text model.
        working: told what is being worked on, points done and points in all.
        **cell: as `compare`.

    Returns:
        One row for each point that has a cost, as `costmodel.frames.SCHEMA` has it: FLOPs and bytes.

    Raises:
        InputError: for bad input, and where no point has a cost.
    """
    from costmodel.chunks import Chunk, Refusal, grid_of
    from costmodel.chunks import sweep as evaluate
    from costmodel.frames import frame

    given = {
        "rank": rank,
        "batch": batch,
        "resolution": resolution,
        "height": height,
        "width": width,
        "length": length,
    }
    values = {name: ranges.checked(name, found) for name, found in given.items() if found is not None}
    setups = _setups(models, methods, rank, cell)
    asked = {name: ranges.stand_in(name, found) for name, found in values.items()}
    for setup in setups:
        request(setup, **_at(setup, asked.get("rank"), asked))
    grids = [grid_of(Source(setup), values) for setup in setups]
    found = list(evaluate(grids, working))
    refusals = [item for item in found if isinstance(item, Refusal)]
    if len(refusals) == len(found) > 0:
        raise InputError(refusals[0].reason)
    return frame([item for item in found if isinstance(item, Chunk)])


def size(
    models: Model | Sequence[Model],
    methods: Sequence[Any] = PAPER,
    *,
    memory: int | None = None,
    flops: int | None = None,
    convention: str = "arithmetic",
    rank: int | None = None,
    point: Mapping[str, int] | None = None,
    **cell: Any,
) -> list[Fit]:
    """Find out what fits a budget: for each method the largest rank, batch and resolution that still fit, each alone.

    Args:
        models: one model, or several.
        methods: as `compare`.
        memory: largest peak in bytes.
        flops: most FLOPs of a step after the first one.
        convention: how FLOPs are counted.
        rank: for the methods that have one.
        point: as `compare`.
        **cell: as `compare`.

    Returns:
        A `costmodel.budget.Fit` for each cell; `costmodel.tradeoff.recommend` chooses among those of one model.

    Raises: as `costmodel.estimate`; InputError where there is no budget.
    """
    from costmodel.budget import Budget, fit

    if memory is None and flops is None:
        raise InputError("which budget? give memory in bytes, or flops, or both")
    for name, amount in (("memory", memory), ("flops", flops)):
        if amount is not None and amount < 1:
            raise InputError(f"{name} {amount}: expected a positive number")
    _check_convention(convention)
    budget = Budget(memory, flops, convention)
    setups = _setups(models, methods, rank, cell)
    return [fit(Source(setup), request(setup, **_at(setup, rank, point)), budget) for setup in setups]


def _setups(models: Any, methods: Sequence[Any], rank: object, cell: Mapping[str, Any]) -> list[Setup]:
    several = models if isinstance(models, (list, tuple)) else [models]
    setups = [setup_of(model, method, **cell) for model in several for method in methods]
    if setups and not any(setup.method.ranked for setup in setups):
        check_rank_allowed(setups[0].method, rank)
    return setups


def _check_convention(convention: str) -> None:
    if convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)


def _at(setup: Setup, rank: object, point: Mapping[str, object] | None) -> dict[str, Any]:
    return {**(point or {}), "rank": rank if setup.method.ranked else None}
