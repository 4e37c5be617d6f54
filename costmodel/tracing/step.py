"""The step protocol of the contract, run on tensors without data: shapes and storages are real."""

from __future__ import annotations

import gc
import traceback
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any, TypeVar

import torch
from torch import nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from costmodel.cell.setup import Setup
from costmodel.cell.tensors import VALUES_UP_TO
from costmodel.compat import quiet
from costmodel.contract import Point
from costmodel.errors import CostModelError, InputError, TraceError
from costmodel.tracing.cpu import CpuPaths
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.protocol import (
    adapted_model,
    batch,
    optimizer_of,
    shapes_of_labels,
    some_tensor,
    two_steps,
)
from costmodel.tracing.questions import Answers, settled
from costmodel.tracing.record import StepRecord, tensors
from costmodel.tracing.recorder import Recorder

Result = TypeVar("Result")


@contextmanager
def collector_off() -> Iterator[None]:
    """Switch automatic garbage collection off, so that storages die by reference count alone, as in the protocol."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def record_step(setup: Setup, point: Point, memo: ShapeMemo | None = None) -> StepRecord:
    """Trace both steps of the protocol at one point, without data and without running anything.

    Args:
        setup: model, method and training.
        point: the sizes; they may be as large as they like, no memory is used for tensors.
        memo: shapes already worked out, to share between traces.

    Raises:
        InputError: when the model refuses the size.
        TraceError: when an operator cannot be traced.
    """
    memo = memo or ShapeMemo()
    shapes = label_shapes(setup, point)
    return settled(
        lambda answers: _without_data(memo, lambda: _record(setup, point, memo, shapes, answers)),
        lambda one, other: _outline(one) == _outline(other),
        setup.subject.name,
    )


def _outline(record: StepRecord) -> tuple[Any, ...]:
    """Return all that memory and FLOPs of a record depend on: no plain numbers among the arguments."""
    calls = [(call.name, call.module, *tensors(call.args), *tensors(call.outputs)) for call in record.calls]
    return calls, record.events


def label_shapes(setup: Setup, point: Point) -> list[tuple[int, ...]]:
    """Find the shapes of the labels that the loss needs, by a forward pass of a fresh model on shapes alone.

    Raises:
        InputError, TraceError: as `record_step`.
    """
    if setup.training.loss != "cross_entropy":
        return []
    memo = ShapeMemo()
    plain = replace(setup, training=replace(setup.training, checkpoint=False, autocast=None))

    def run() -> list[tuple[int, ...]]:
        model = _model(plain, point, memo, {})
        given = batch(plain, point, _empty, model=model)
        recorder = Recorder(memo)  # its rules make the pass possible; what it writes down is thrown away
        try:
            with torch.no_grad(), CpuPaths(), recorder:
                out = model(*given.positional, **given.named)
        except CostModelError:
            raise
        except (Exception, SystemExit) as error:
            raise _explain(error, recorder, model, setup, point) from error
        return shapes_of_labels(out, plain)

    return _without_data(memo, run)


def _without_data(memo: ShapeMemo, work: Callable[[], Result]) -> Result:
    """Do something on tensors that have no data and say that they are on the CPU."""
    with quiet(), torch.random.fork_rng([]), memo.fakes.mode:  # a constructor may draw numbers
        return work()


def _model(setup: Setup, point: Point, memo: ShapeMemo, found: dict[str, dict[str, int]]) -> nn.Module:
    """Build the adapted model without data.

    Raises:
        InputError: as `adapted_model`.
    """
    with unset_fake_temporarily():
        model = adapted_model(setup, point, "meta", lambda built: found.update(_found(built)))
    found["adapted"] = _kinds(getattr(module, "base_layer", None) for module in model.modules())
    memo.fakes.of_model(model)
    return model


def _found(model: nn.Module) -> dict[str, dict[str, int]]:
    """Say what a model brings along: modules in eval mode, and parameters that are frozen, by the class they are in."""
    leaves = [module for module in model.modules() if next(module.children(), None) is None]
    frozen = (
        module
        for module in model.modules()
        for parameter in module.parameters(recurse=False)
        if not parameter.requires_grad
    )
    return {"eval": _kinds(module for module in leaves if not module.training), "frozen": _kinds(frozen)}


def _kinds(modules: Iterable[object]) -> dict[str, int]:
    return dict(Counter(type(module).__name__ for module in modules if isinstance(module, nn.Module)))


def _record(setup: Setup, point: Point, memo: ShapeMemo, labels: list[tuple[int, ...]], answers: Answers) -> StepRecord:
    found: dict[str, dict[str, int]] = {}
    model = _model(setup, point, memo, found)
    optimizer = optimizer_of(model, setup, point)
    given = batch(setup, point, _empty, labels, model=model)
    recorder = Recorder(memo, answers, trusted=setup.by_name)

    def phase(step: int, name: str) -> None:
        if name == "end":
            recorder.regroup(_state_tensors(optimizer), "opt")
        else:
            recorder.step, recorder.phase = step, name

    with collector_off():
        try:
            recorder.watch_model(model, _state_tensors(optimizer))
            recorder.watch_input(given.tensors)
            with CpuPaths(), recorder:
                two_steps(model, optimizer, given, setup, phase)
        except CostModelError:
            raise
        except (Exception, SystemExit) as error:
            raise _explain(error, recorder, model, setup, point) from error
        finally:
            recorder.close()
    return StepRecord(
        base=point.values(),
        calls=tuple(recorder.calls),
        events=tuple(recorder.events),
        setup=tuple(recorder.setup),
        owners=recorder.owners,
        input_sizes=tuple(tensor.nbytes for tensor in given.tensors),
        lookups=tuple(recorder.lookups),
        modules=recorder.modules,
        found={name: kinds for name, kinds in found.items() if kinds},
    )


def _empty(shape: tuple[int, ...], /, *, dtype: torch.dtype) -> torch.Tensor:
    """Pixels without data; numbers as the real step has them, since a model may look at them.

    Raises:
        InputError: where the bytes of a tensor are no 64-bit number.
    """
    try:
        if dtype.is_floating_point or prod(shape) > VALUES_UP_TO:
            return torch.empty(shape, dtype=dtype)
        with unset_fake_temporarily():
            return some_tensor(shape, dtype=dtype)
    except RuntimeError as error:
        raise InputError(f"an input of {'x'.join(map(str, shape))} is larger than any memory") from error


def _state_tensors(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor):
                yield value


_SIZE_COMPLAINTS = (
    "Kernel size can't be greater",
    "Expected more than 1 value per channel",
    "Output size is too small",
    "smaller than kernel size",
)
_LARGEST_TRIED = 1024


def _too_small(error: BaseException) -> bool:
    return any(complaint in str(error) for complaint in _SIZE_COMPLAINTS)


def _explain(error: BaseException, recorder: Recorder, model: nn.Module, setup: Setup, point: Point) -> CostModelError:
    """Say in one line why a step could not be traced."""
    reason = " ".join(str(error).split())
    name = setup.subject.name
    if _too_small(error) and not point.H:
        return InputError(f"batch {point.N} is too small for {name}: {reason}")
    if _too_small(error):
        side = _smallest_square(model, setup, point)
        accepted = f"; {side}x{side} is the smallest square it accepts" if side else ""
        return InputError(
            f"resolution {point.H}x{point.W} is too small for {name} at batch {point.N}: {reason}{accepted}"
        )
    last = recorder.calls[-1] if recorder.calls else None
    after = f" after {last.name} in '{last.module}'" if last else ""
    return TraceError(f"{name} cannot be traced{_line_of(error)}{after}: {type(error).__name__}: {reason}")


_TRACERS = ("torch", "costmodel", "peft")


def _line_of(error: BaseException) -> str:
    """Name the innermost line of the model's own code that an error passed through."""
    frames = [
        (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [(file, line) for module, file, line in frames if module.split(".")[0] not in _TRACERS]
    return f" at {own[-1][0]}:{own[-1][1]}" if own else ""


def _smallest_square(model: nn.Module, setup: Setup, point: Point) -> int | None:
    """Find the smallest square input that the model's forward pass accepts, by bisection on shapes alone."""

    def accepts(side: int) -> bool:
        given = batch(setup, replace(point, H=side, W=side), _empty, model=model)
        try:
            model(*given.positional, **given.named)
        except (RuntimeError, ValueError) as error:
            if _too_small(error):
                return False
            raise
        return True

    sides = range(1, _LARGEST_TRIED + 1)
    try:
        found = bisect_left(sides, True, key=accepts)
    except (RuntimeError, ValueError):  # one size only is right for this model, and it is not known which
        return None
    return sides[found] if found < len(sides) else None
