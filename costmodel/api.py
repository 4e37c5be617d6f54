"""The Python API: each question as one function, from a model's name to its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from costmodel.cell import ranges
from costmodel.cell.axes import AXIS, Sizes, read
from costmodel.cell.inputs import InputSpec
from costmodel.cell.keywords import (
    SETTINGS,
    Cell,
    alias_of,
    check_call,
    check_keywords,
    check_switch,
    count,
    split,
    words_of,
)
from costmodel.cell.rehearsal import Rehearsal
from costmodel.cell.request import numbers_only, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.training import Training
from costmodel.contract import DEFAULT_CLASSES
from costmodel.errors import InputError, shown
from costmodel.methods import PAPER, Options, check_rank_allowed
from costmodel.options import CONVENTION, number, positive
from costmodel.questions.applicable import applicable
from costmodel.questions.estimate import Estimate, answer
from costmodel.results import LeftOut
from costmodel.sources.source import Source
from costmodel.units import read_bytes, read_flops

if TYPE_CHECKING:
    from torch import nn

    from costmodel.output.export import Formulas
    from costmodel.questions.compare import Comparison
    from costmodel.questions.explained import Explanation
    from costmodel.questions.fits import Fits
    from costmodel.questions.frames import Sweep
    from costmodel.questions.layers import Layers
    from costmodel.tracing.trace import Trace

Model = Any
"""A name, a factory or an ``nn.Module``, as `costmodel.estimate` takes it."""


def estimate(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    point: Mapping[str, int | str] | None = None,
    classes: int = DEFAULT_CLASSES,
    inputs: str | InputSpec | None = None,
    aux: bool = False,
    options: Options | None = None,
    training: Training | None = None,
    rehearsal: Rehearsal | None = None,
    cache: bool = True,
    working: Callable[[], None] = lambda: None,
    **sizes: Unpack[Sizes[int | str]],
) -> Estimate:
    """Estimate FLOPs and memory of one fine-tuning step, exactly, without running it.

    Args:
        model: a name (see `costmodel.models`), ``timm:NAME``, ``path/to/file.py:factory``, ``package.module:factory``,
            a function that makes a module, or an ``nn.Module``, which is copied.
        method: a name (see `costmodel.methods`), a peft configuration object, or a `Method`.
        point: sizes by name, for those that are not given as keywords.
        classes: outputs of a named model's head.
        inputs: what the model takes, images of shape (N, 3, H, W) by default; see `costmodel.cell.inputs.parse`.
        aux: switch the auxiliary classifiers of a named model on.
        options: what the method is told beside its rank.
        training: optimizer, loss, precision, micro-batches, checkpointing.
        rehearsal: whether a module of the caller's is run once, for real and small, beside its trace; it is.
        cache: keep derived formulas of named models on disk.
        working: called once if the step has to be traced, before that starts.
        **sizes: ``batch``, ``resolution`` (both sides at once), ``height``, ``width``, ``rank`` and ``length`` (tokens
            of a text model), or ``N``, ``H``, ``W``, ``r`` and ``S``: a number, or a name such as ``"r"`` that keeps
            it symbolic. What is left out is at the default of the model or the method.

    Returns:
        The estimate: integers equal to what the real step measures, and the formulas they come from.

    Raises:
        InputError: for bad input; its text is one line that names the value and what would be accepted.
        TraceError, LiftError: for a module whose step cannot be traced or has no closed form.
    """
    check_keywords(sizes, (*SETTINGS, "point", "cache", "working"))
    check_call("working", working)
    check_switch("cache", cache)
    setup = setup_of(
        model,
        method,
        classes=classes,
        inputs=inputs,
        aux=aux,
        options=options,
        training=training,
        rehearsal=rehearsal,
    )
    asked = request(setup, {} if point is None else point, sizes)
    return answer(Source(setup, cache), asked, alias_of(model, setup), working)


def trace(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    point: Mapping[str, int] | None = None,
    **cell: Unpack[Cell[int]],
) -> Trace:
    """Trace both steps of the protocol at one point, without data and without running anything.

    Args: as `estimate`, numbers only.

    Returns:
        The trace: its operator calls, storage events, and `torch.fx.Graph`; each node leads to its cost.

    Raises:
        InputError: for bad input.
        TraceError: for a step that cannot be traced.
    """
    settings, sizes = split(point, cell, ("point",))
    setup = setup_of(model, method, **settings)
    at = numbers_only(request(setup, sizes), "a trace is made at one point")
    from costmodel.tracing.step import record_step
    from costmodel.tracing.trace import Trace

    return Trace(record_step(setup, at))


def compare(
    models: Model | Sequence[Model],
    methods: Any = PAPER,
    *,
    convention: str = "arithmetic",
    point: Mapping[str, int | str] | None = None,
    **cell: Unpack[Cell[int | str]],
) -> Comparison:
    """Estimate models with methods at one point, each beside full fine-tuning of the same model.

    Args:
        models: one model, or several.
        methods: a name, a peft configuration or a `Method`, or several; the contract's five by default.
        convention: how FLOPs are counted.
        point: sizes by name, as for `costmodel.estimate`; a rank is told to the methods that have one.
        **cell: sizes, classes, inputs, aux, options and training, as for `costmodel.estimate`.

    Returns:
        A sequence with a side for each cell: its estimate and what it takes of full fine-tuning.

    Raises: as `costmodel.estimate`.
    """
    from costmodel.questions.compare import compare as side_by_side

    CONVENTION.check(f"convention {shown(convention)}", convention)
    settings, asked = split(point, cell, ("convention", "point"))
    setups, left_out = _setups(models, methods, asked, settings)
    cells = [(Source(setup), request(setup, _known(setup, asked)), None) for of in setups for setup in of]
    own = [place for place, of in enumerate(setups) for _ in of]
    return side_by_side(cells, convention, own, left_out=left_out)


def sweep(
    models: Model | Sequence[Model],
    methods: Any = PAPER,
    *,
    point: Mapping[str, int | str | Sequence[int]] | None = None,
    working: Callable[[str, int, int], None] = lambda *_: None,
    **cell: Unpack[Cell[int | str | Sequence[int]]],
) -> Sweep:
    """Evaluate every combination of sizes for models with methods: ``8``, ``range(1, 65)``, ``"1:64"`` and lists alike.

    Args:
        models: one model, or several.
        methods: as `compare`.
        point: values by size, for those that are not given as keywords; ranks are told to the methods that have one.
        working: told what is being worked on, points done and points in all.
        **cell: as `compare`; each size is a number, several, or a range as text, as the command line takes it.

    Returns:
        The points that have a cost; ``to_frame`` has a row for each, as `costmodel.questions.frames.SCHEMA` has it:
        FLOPs and bytes.

    Raises:
        InputError: for bad input, and where no point has a cost.
    """
    from costmodel.questions.frames import gathered
    from costmodel.questions.sweep import grid_of

    check_call("working", working)
    settings, given = split(point, cell, ("point", "working"))
    values = {option: ranges.read(option, found) for option, found in given.items()}
    asked = {option: ranges.stand_in(option, found) for option, found in values.items()}
    found, left_out = _setups(models, methods, asked, settings)
    setups = [setup for of in found for setup in of]
    for setup in setups:
        request(setup, _known(setup, asked))
    return gathered([grid_of(Source(setup), values) for setup in setups], working, left_out=left_out)


def size(
    models: Model | Sequence[Model],
    methods: Any = PAPER,
    *,
    memory: float | str | None = None,
    flops: float | str | None = None,
    convention: str = "arithmetic",
    point: Mapping[str, int] | None = None,
    **cell: Unpack[Cell[int]],
) -> Fits:
    """Find out what fits a budget: for each method the largest rank, batch and resolution that still fit, each alone.

    Args:
        models: one model, or several.
        methods: as `compare`.
        memory: largest peak in bytes, or with a unit, such as ``"64MiB"``.
        flops: most FLOPs of a step after the first one, or with a unit, such as ``"5G"``.
        convention: how FLOPs are counted.
        point: as `compare`.
        **cell: as `compare`.

    Returns:
        A sequence with a `costmodel.questions.size.Fit` for each cell; its ``answers`` have them by model, each with
        the method to take.

    Raises: as `costmodel.estimate`; InputError where there is no budget.
    """
    from costmodel.questions.fits import fits
    from costmodel.questions.size import Budget

    if memory is None and flops is None:
        raise InputError("which budget? give memory in bytes, or flops, or both")
    CONVENTION.check(f"convention {shown(convention)}", convention)
    budget = Budget(_amount("memory", memory, read_bytes), _amount("flops", flops, read_flops), convention)
    settings, asked = split(point, cell, ("memory", "flops", "convention", "point"))
    setups, left_out = _setups(models, methods, asked, settings)
    cells = [[(Source(setup), request(setup, _known(setup, asked))) for setup in of] for of in setups]
    return fits(cells, [budget], left_out=left_out)


def peak(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    top: int = 10,
    where: bool = True,
    point: Mapping[str, int] | None = None,
    **cell: Unpack[Cell[int]],
) -> Explanation:
    """Explain why the peak is where it is: the instant, what is alive then, and which instant is the peak elsewhere.

    Args:
        model: as `estimate`.
        method: as `estimate`.
        top: how many of the largest tensors to name.
        where: whether to say which instant is the peak at other batches and sides, which needs formulas.
        point: sizes by name, as for `estimate`; numbers only.
        **cell: sizes, classes, inputs, aux, options and training, as for `estimate`.

    Returns:
        The explanation; ``to_frame`` has the memory of both steps over time.

    Raises: as `estimate`.
    """
    from costmodel.questions.explained import explained

    check_switch("where", where)
    top = count("top", top)
    settings, sizes = split(point, cell, ("top", "where", "point"))
    setup = setup_of(model, method, **settings)
    return explained(setup, request(setup, sizes), alias_of(model, setup), top=top, where=where)


def layers(
    model: str | nn.Module | Callable[[], nn.Module],
    method: Any = "fft",
    *,
    depth: int | None = 2,
    sort: str | None = None,
    tree: bool | None = None,
    convention: str = "arithmetic",
    point: Mapping[str, int] | None = None,
    **cell: Unpack[Cell[int]],
) -> Layers:
    """Add up the cost of each module: FLOPs of every phase, bytes of parameters, gradients and saved activations.

    Args:
        model: as `estimate`.
        method: as `estimate`.
        depth: names of a path to show: 1 for the model's children, ``None`` for any; deeper ones are added up.
        sort: a phase, ``param``, ``grad`` or ``saved``, largest first; the model's order if left out.
        tree: whether a row includes all below it; if left out, where rows are not sorted.
        convention: how FLOPs are counted.
        point: sizes by name, as for `estimate`; numbers only.
        **cell: sizes, classes, inputs, aux, options and training, as for `estimate`.

    Returns:
        A sequence with a row for each module.

    Raises: as `estimate`.
    """
    from costmodel.questions.layers import by_module

    settings, sizes = split(point, cell, ("depth", "sort", "tree", "convention", "point"))
    setup = setup_of(model, method, **settings)
    if tree is not None:
        check_switch("tree", tree)
    deepest = None if depth is None else positive("depth", depth)
    asked, alias = request(setup, sizes), alias_of(model, setup)
    return by_module(setup, asked, alias, convention=convention, depth=deepest, sort=sort, tree=tree)


def formula(
    models: Model | Sequence[Model],
    methods: Any = PAPER,
    *,
    quantity: str = "all",
    point: Mapping[str, int | str] | None = None,
    **cell: Unpack[Cell[int | str]],
) -> Formulas:
    """Return the closed forms of models with methods, for every region: batch 1 and rank 1 among them.

    Args:
        models: one model, or several.
        methods: as `compare`.
        quantity: which numbers: ``all``, ``memory``, ``flops`` or ``peak``.
        point: as `compare`.
        **cell: as `compare`; a size that is left out stays symbolic, as far as the model leaves a choice.

    Returns:
        A sequence with a `costmodel.output.export.ClosedForms` for each cell; ``text("c")`` is the text of a file, in
        one of `costmodel.output.export.FORMATS`.

    Raises: as `costmodel.estimate`.
    """
    from costmodel.output.export import QUANTITY, SELECTIONS, Formulas
    from costmodel.questions.forms import closed_forms, command_line

    QUANTITY.check(f"quantity {shown(quantity)}", quantity)
    settings, sizes = split(point, cell, ("quantity", "point"))
    asked, several = _several("models", models), _several("methods", methods)
    setups, left_out = _setups(asked, methods, sizes, settings)
    sizes = {option: read(option, value) for option, value in sizes.items()}
    named = () if methods is PAPER else several
    by_name = all(isinstance(name, str) for name in (*asked, *named))
    command = command_line(asked, named, sizes, words_of(settings), quantity, "json") if by_name else ""
    found = (
        closed_forms(setup, sizes, alias_of(model, setup), command)
        for model, of in zip(asked, setups, strict=True)
        for setup in of
    )
    return Formulas(tuple(found), SELECTIONS[quantity], left_out)


def _setups(
    models: Any, methods: Any, asked: Mapping[str, object], settings: Mapping[str, Any]
) -> tuple[list[list[Setup]], tuple[LeftOut, ...]]:
    """Return for each model a setup with each method, and which of the default methods do not apply.

    A rank where none has one is refused.
    """
    several = _several("methods", methods)
    found = [
        applicable([setup_of(model, method, **settings) for method in several], named=methods is not PAPER)
        for model in _several("models", models)
    ]
    setups = [kept for kept, _ in found]
    if not any(setup.method.ranked for of in setups for setup in of):
        check_rank_allowed(setups[0][0].method, asked.get(_RANK))
    return setups, tuple(one for _, left_out in found for one in left_out)


_RANK = AXIS["r"].option


def _known(setup: Setup, asked: Mapping[str, object]) -> dict[str, object]:
    """Return the sizes that a cell is told: a rank where its method has one."""
    return {option: value for option, value in asked.items() if option != _RANK or setup.method.ranked}


def _several(name: str, given: Any) -> list[Any]:
    """Return several as a list, and one thing as a list of it; a module is one, although it may have parts.

    Raises:
        InputError: for none.
    """
    found = list(given) if isinstance(given, Iterable) and not (isinstance(given, str) or callable(given)) else [given]
    if not found:
        raise InputError(f"{name} {shown(given)}: expected one or more")
    return found


def _amount(name: str, given: Any, read: Callable[[str, str], int]) -> int | None:
    """Read a limit: a number, or text with a unit."""
    if given is None:
        return None
    if isinstance(given, str):
        return read(name, given)
    found = number(given)
    if found is None or found < 1:
        raise InputError(f"{name} {shown(given)}: expected a positive number")
    return int(found)
