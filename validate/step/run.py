"""The step protocol of the contract on real tensors, under instruments."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import torch

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.tracing.protocol import two_steps
from costmodel.tracing.step import collector_off
from validate.step.ready import ready, seeded


class Instrument(Protocol):
    """Something that watches a step: a context manager that is told what it will see and what happens next."""

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Be told, before the first step, what the step works on."""

    def phase(self, step: int, name: str) -> None:
        """Be told that a phase begins: ``forward``, ``backward``, ``optimizer``, ``end``."""

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The context in which the steps run."""


def run(setup: Setup, point: Point, *instruments: Instrument, device: str = "cpu") -> None:
    """Run both steps of the protocol once, for real, under instruments.

    Args:
        setup: the model, with random weights, its method and training.
        point: the sizes.
        instruments: what watches; the last one is the nearest to the operators.
        device: where model and batch are made and the step runs.
    """

    def phase(step: int, name: str) -> None:
        for instrument in instruments:
            instrument.phase(step, name)

    with ExitStack() as undone:
        undone.enter_context(seeded(device))
        cell = ready(setup, point, device)
        gc.collect()
        undone.enter_context(collector_off())
        for instrument in instruments:
            instrument.attach(cell.model, cell.optimizer, cell.batch.tensors)
        for instrument in instruments:
            undone.enter_context(instrument.mode)
        two_steps(cell.model, cell.optimizer, cell.batch, setup, phase, device)
