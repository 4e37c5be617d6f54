"""The step protocol of the contract on real tensors."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch.utils._pytree import tree_leaves

from costmodel.contract import Point
from costmodel.methods import Method
from costmodel.subjects import Subject

STEPS = 2


class Instrument(Protocol):
    """Something that watches a step: a context manager that is told what it will see and what happens next."""

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> None:
        """Be told, before the first step, what the step works on."""

    def phase(self, step: int, name: str) -> None:
        """Be told that a phase begins: ``forward``, ``backward``, ``optimizer``, ``end``."""

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The context in which the steps run."""


def run(subject: Subject, method: Method, point: Point, instrument: Instrument) -> None:
    """Run both steps of the protocol once, for real, under one instrument.

    Args:
        subject: the model, built on the CPU with random weights.
        method: how it is adapted.
        point: batch, height, width and rank.
        instrument: what watches.
    """
    torch.manual_seed(0)
    model, optimizer = method.apply(subject.build("cpu"), point.r)
    x = torch.randn(point.N, 3, point.H, point.W)
    gc.collect()
    gc.disable()
    try:
        instrument.attach(model, optimizer, x)
        with instrument.mode:
            for step in range(STEPS):
                instrument.phase(step, "forward")
                out = model(x)
                loss = _sum(out)
                instrument.phase(step, "backward")
                loss.backward()
                instrument.phase(step, "optimizer")
                optimizer.step()
                instrument.phase(step, "end")
                optimizer.zero_grad(set_to_none=True)
    finally:
        gc.enable()


def _sum(out: Any) -> torch.Tensor:
    """Loss "sum": the sum of the sums of the output tensors, its parts dropped on return."""
    first, *others = [leaf.sum() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
    for other in others:
        first = first + other
    return first
