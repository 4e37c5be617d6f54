"""The Python API: each question as one function, from a model's name to its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.cell import ranges, subjects
from costmodel.cell.inputs import InputSpec
from costmodel.cell.request import numbers_only, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.contract import CONVENTIONS, DEFAULT_CLASSES
from costmodel.errors import InputError, unknown
from costmodel.methods import METHODS, PAPER, Options, check_rank_allowed
from costmodel.questions.estimate import Estimate, answer
from costmodel.sources.source import Source

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from costmodel.questions.compare import Side
    from costmodel.questions.size import Fit
    from costmodel.tracing.trace import Trace

Model = Any
"""A name, a factory or an ``nn.Module``, as `costmodel.estimate` takes it."""


def estimate(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    rank: int | str | None = None,
    batch: int | str = 1,
    resolution: int | str | None = None,
    height: int | str | None = None,
    width: int | str | None = None,
    length: int | str | None = None,
    classes: int = DEFAULT_CLASSES,
    inputs: str | InputSpec | None = None,
    aux: bool = False,
    options: Options | None = None,
    training: Training | None = None,
    cache: bool = True,
    working: Callable[[], None] = lambda: None,
) -> Estimate:
    """Estimate FLOPs and memory of one fine-tuning step, exactly, without running it.

    Args:
        model: a name (see `costmodel.models`), ``timm:NAME``, ``path/to/file.py:factory``, ``package.module:factory``,
            a function that makes a module, or an ``nn.Module``, which is copied.
        method: a name (see `costmodel.methods`), a peft configuration object, or a `Method`.
        rank: rank of the method, its own default if left out; a name such as ``"r"`` keeps it symbolic.
        batch: batch size N, or a name.
        resolution: height and width at once, 224 by default, or a name.
        height: pixels, or a name.
        width: pixels, or a name.
        length: tokens S of a text model, 128 by default, or a name.
        classes: outputs of a named model's head.
        inputs: what the model takes, images of shape (N, 3, H, W) by default; see `costmodel.cell.inputs.parse`.
        aux: switch the auxiliary classifiers of a named model on.
        options: what the method is told beside its rank.
        training: optimizer, loss, precision, micro-batches, checkpointing.
        cache: keep derived formulas of named models on disk.
        working: called once if the step has to be traced, before that starts.

    Returns:
        The estimate: integers equal to what the real step measures, and the formulas they come from.

    Raises:
        InputError: for bad input; its text is one line that names the value and what would be accepted.
        TraceError, LiftError: for a module whose step cannot be traced or has no closed form.
    """
    setup = setup_of(model, method, classes=classes, inputs=inputs, aux=aux, options=options, training=training)
    asked = request(setup, rank=rank, batch=batch, resolution=resolution, height=height, width=width, length=length)
    alias = model if isinstance(model, str) and model != setup.subject.name else None
    return answer(Source(setup, cache), asked, alias, working)


def trace(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    rank: int | None = None,
    batch: int = 1,
    resolution: int | None = None,
    height: int | None = None,
    width: int | None = None,
    length: int | None = None,
    classes: int = DEFAULT_CLASSES,
    inputs: str | InputSpec | None = None,
    aux: bool = False,
    options: Options | None = None,
    training: Training | None = None,
) -> Trace:
    """Trace both steps of the protocol at one point, without data and without running anything.

    Args: as `estimate`, numbers only.

    Returns:
        The trace: its operator calls, storage events, and `torch.fx.Graph`; each node leads to its cost.

    Raises:
        InputError: for bad input.
        TraceError: for a step that cannot be traced.
    """
    setup = setup_of(model, method, classes=classes, inputs=inputs, aux=aux, options=options, training=training)
    asked = request(setup, rank=rank, batch=batch, resolution=resolution, height=height, width=width, length=length)
    point = numbers_only(asked, "a trace is made at one point")
    from costmodel.tracing.step import record_step
    from costmodel.tracing.trace import Trace

    return Trace(record_step(setup, point))


def models() -> dict[str, str]:
    """Return the models known by name, with a line about each."""
    return {
        name: f"alias of {row['alias_of']}: {row['about']}" if "alias_of" in row else row["about"]
        for name, row in subjects.model_table().items()
    }


def methods() -> dict[str, str]:
    """Return the methods known by name, with what each trains and the code that does it."""
    return {method.name: f"{method.trains} ({method.how})" for method in METHODS.values()}


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
        A side for each cell: its estimate and what it takes of full fine-tuning.
        `costmodel.questions.compare.to_frame` makes a table of them.

    Raises: as `costmodel.estimate`.
    """
    from costmodel.questions.compare import side_by_side

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
        One row for each point that has a cost, as `costmodel.questions.frames.SCHEMA` has it: FLOPs and bytes.

    Raises:
        InputError: for bad input, and where no point has a cost.
    """
    from costmodel.questions.frames import frame
    from costmodel.questions.sweep import Chunk, Refusal, grid_of
    from costmodel.questions.sweep import sweep as evaluate

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
        A `costmodel.questions.size.Fit` for each cell; `costmodel.questions.tradeoff.recommend` chooses among those
        of one model.

    Raises: as `costmodel.estimate`; InputError where there is no budget.
    """
    from costmodel.questions.size import Budget, fit

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
