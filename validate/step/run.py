"""The step protocol of the contract on real tensors, under instruments."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import torch

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.tracing.protocol import adapted_model, batch, optimizer_of, some_tensor, two_steps
from costmodel.tracing.step import label_shapes


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
    torch.manual_seed(0)
    model = adapted_model(setup, point, device)
    optimizer = optimizer_of(model, setup, point)
    labels = label_shapes(setup, point)
    with torch.device(device):
        given = batch(setup, point, some_tensor, labels)
    gc.collect()
    gc.disable()

    def phase(step: int, name: str) -> None:
        for instrument in instruments:
            instrument.phase(step, name)

    try:
        for instrument in instruments:
            instrument.attach(model, optimizer, given.tensors)
        with ExitStack() as modes:
            for instrument in instruments:
                modes.enter_context(instrument.mode)
            two_steps(model, optimizer, given, setup, phase)
    finally:
        gc.enable()
