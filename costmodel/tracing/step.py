"""The step protocol of the contract, run on meta tensors: shapes and storages are real, data is not there."""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from costmodel.contract import Point
from costmodel.errors import CostModelError, InputError, TraceError
from costmodel.methods import Method
from costmodel.subjects import Subject
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.record import StepRecord
from costmodel.tracing.recorder import Recorder

STEPS = 2
CHANNELS = 3


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


def record_step(subject: Subject, method: Method, point: Point, memo: ShapeMemo | None = None) -> StepRecord:
    """Trace both steps of the protocol at one point, without data and without running anything.

    Args:
        subject: the model.
        method: how it is adapted.
        point: the sizes; they may be as large as they like, no memory is used for tensors.
        memo: shapes already worked out, to share between traces.

    Raises:
        InputError: when the model refuses the size.
        TraceError: when an operator cannot be traced.
    """
    model, optimizer = _adapted(subject, method, point)
    batch = torch.empty(point.N, CHANNELS, point.H, point.W, device="meta")
    recorder = Recorder(memo or ShapeMemo())
    with collector_off():
        try:
            recorder.watch_model(model)
            recorder.watch_input(batch)
            with recorder:
                for step in range(STEPS):
                    recorder.step, recorder.phase = step, "forward"
                    out = model(batch)
                    loss = total(out)
                    recorder.phase = "backward"
                    loss.backward()
                    recorder.phase = "optimizer"
                    optimizer.step()
                    recorder.regroup(_state_tensors(optimizer), "opt")
                    optimizer.zero_grad(set_to_none=True)
        except CostModelError:
            raise
        except Exception as error:
            raise _explain(error, recorder, model, subject, point) from error
        finally:
            recorder.close()
    return StepRecord(
        base=point.values(),
        calls=tuple(recorder.calls),
        events=tuple(recorder.events),
        setup=tuple(recorder.setup),
        owners=recorder.owners,
        input_bytes=batch.nbytes,
    )


def total(out: Any) -> torch.Tensor:
    """Add up the output tensors of a model: loss "sum" of the contract."""
    sums = [leaf.sum() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
    return reduce(torch.add, sums)


def _adapted(subject: Subject, method: Method, point: Point) -> tuple[nn.Module, torch.optim.Optimizer]:
    try:
        with torch.device("meta"):  # adapters too are made without data
            return method.apply(subject.build("meta"), point.r)
    except CostModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{subject.name} cannot be prepared for {method.name}: {reason}") from error


def _state_tensors(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor):
                yield value


_SIZE_COMPLAINTS = (
    "Kernel size can't be greater",
    "Expected more than 1 value per channel",
    "Output size is too small",
)
_LARGEST_TRIED = 1024


def _too_small(error: Exception) -> bool:
    return any(complaint in str(error) for complaint in _SIZE_COMPLAINTS)


def _explain(error: Exception, recorder: Recorder, model: nn.Module, subject: Subject, point: Point) -> CostModelError:
    """Say in one line why a step could not be traced."""
    reason = " ".join(str(error).split())
    if _too_small(error):
        side = _smallest_square(model, point.N)
        accepted = f"; {side}x{side} is the smallest square it accepts" if side else ""
        return InputError(
            f"resolution {point.H}x{point.W} is too small for {subject.name} at batch {point.N}: {reason}{accepted}"
        )
    last = recorder.calls[-1] if recorder.calls else None
    where = f" after {last.name} in '{last.module}'" if last else ""
    return TraceError(f"{subject.name} cannot be traced{where}: {type(error).__name__}: {reason}")


def _smallest_square(model: nn.Module, batch: int) -> int | None:
    """Find the smallest square input that the model's forward pass accepts, by bisection on the meta device."""

    def accepts(side: int) -> bool:
        try:
            model(torch.empty(batch, CHANNELS, side, side, device="meta"))
        except (RuntimeError, ValueError) as error:
            if _too_small(error):
                return False
            raise
        return True

    sides = range(1, _LARGEST_TRIED + 1)
    found = bisect_left(sides, True, key=accepts)
    return sides[found] if found < len(sides) else None
