"""One call run twice, forward and backward: on the CPU, and as the tracer sees it."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._pytree import tree_leaves, tree_map_only

from costmodel.errors import TraceError
from costmodel.tracing.cpu import CpuPaths
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.questions import Answers, settled
from costmodel.tracing.recorder import Recorder
from costmodel.tracing.step import collector_off
from validate.operators.database import Sample
from validate.operators.trails import Trail, made_something
from validate.operators.trails import trail as followed
from validate.step.census import Census

Which = Callable[[int], bool]
"""Whether a floating input, by its place among all, requires a gradient."""


def on_the_cpu(sample: Sample, which: Which) -> Trail:
    """Run a sample for real under a recorder that keeps nothing alive."""
    torch.manual_seed(0)
    trail: Trail = []
    args, kwargs = _prepared(sample, which, lambda tensor: tensor)
    census = Census()
    census.ignore([leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)])

    def note(name: str, returned: list[torch.Tensor]) -> None:
        if made_something(name, returned):
            trail.append((name, census.total))

    census.watch = note
    with collector_off(), census:
        _both_ways(sample.call, args, kwargs)
    return trail


def as_traced(sample: Sample, which: Which, memo: ShapeMemo, *, known: bool) -> Trail:
    """Run a sample without data.

    Args:
        sample: what to run.
        which: inputs that require a gradient.
        memo: calls the operators.
        known: whether inputs that are no floats have their values, as those of a model have.
    """

    def bare(tensor: torch.Tensor) -> torch.Tensor:
        if known and not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor
        size = tensor.untyped_storage().nbytes()
        return memo.fakes.fresh(tuple(tensor.shape), tensor.stride(), tensor.dtype, size)

    def run(answers: Answers) -> Trail:
        recorder = Recorder(memo, answers)
        try:
            with memo.fakes.mode:
                with unset_fake_temporarily():
                    args, kwargs = _prepared(sample, which, bare)
                recorder.watch_input(leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor))
                with collector_off(), CpuPaths(), recorder:
                    _both_ways(sample.call, args, kwargs)
        except Exception as error:  # whatever stops a trace
            raise TraceError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
        return followed(recorder.calls, recorder.events)

    return settled(run, lambda one, other: one == other, "it")


def _prepared(
    sample: Sample, which: Which, make: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copy the inputs, so that no run sees what another did to them; each one on a storage of its own."""
    place = -1

    def copied(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal place
        own = tensor.detach().clone() if tensor.layout != torch.strided else _with_strides(tensor)
        own = make(own)
        if own.is_floating_point() or own.is_complex():
            place += 1
            own.requires_grad_(which(place))
        return own

    args, kwargs = tree_map_only(torch.Tensor, copied, (sample.args, sample.kwargs))
    return args, kwargs


def _with_strides(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).copy_(tensor.detach())


def _both_ways(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    out = call(*args, **kwargs)
    parts = [leaf.real.sum() if leaf.is_complex() else leaf.sum() for leaf in tree_leaves(out) if _trained(leaf)]
    if parts:
        loss = reduce(torch.add, parts)
        loss.backward()


def _trained(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.requires_grad
