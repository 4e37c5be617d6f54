"""A cell made ready for its real step: model, optimizer and batch, whose numbers stay finite however often it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from costmodel.cell.setup import Setup
from costmodel.contract import Point
from costmodel.tracing.protocol import Batch, adapted_model, batch, optimizer_of, some_tensor
from costmodel.tracing.step import label_shapes


@dataclass(frozen=True)
class Ready:
    """What both steps of the protocol work on."""

    model: nn.Module
    optimizer: Optimizer
    batch: Batch


def ready(setup: Setup, point: Point, device: str = "cpu") -> Ready:
    """Build model, optimizer and batch from one seed.

    The learning rate is zero: an optimizer then runs the very same operators and moves no parameter. A step must not
    depend on what its numbers become: the contract's loss, a sum, has no least value, and with a learning rate it runs
    away within a few steps, to numbers of which GaLore's next refresh has no singular vectors.

    Args:
        setup: the model, with random weights, its method and training.
        point: the sizes.
        device: where all is made.

    Raises:
        InputError: where the model or the method refuses.
    """
    with seeded(device):
        model = adapted_model(setup, point, device)
        optimizer = optimizer_of(model, setup, point)
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        labels = label_shapes(setup, point)
        with torch.device(device):
            return Ready(model, optimizer, batch(setup, point, some_tensor, labels, model=model))


@contextmanager
def seeded(device: str = "cpu") -> Iterator[None]:
    """Let random numbers begin at a seed, and afterwards go on where the caller's were."""
    others = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(others):
        torch.default_generator.manual_seed(0)
        for other in others:
            torch.cuda.default_generators[other].manual_seed(0)
        yield
