"""A step that is run again and again does not depend on what its numbers become: they stay as finite as they were."""

from __future__ import annotations

import pytest
import torch

from costmodel.cell.setup import setup_of
from costmodel.cell.training import OPTIMIZERS, Training
from costmodel.contract import Point
from costmodel.methods import Options
from costmodel.tracing.protocol import two_steps
from validate.step.ready import ready

AGAIN = 6


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "galore"])
def test_steps_move_no_parameter_and_its_gradient_is_the_same(optimizer: str) -> None:
    """GaLore takes singular vectors of its gradients in every step here: of numbers that are none it has none."""
    if optimizer == "galore":
        setup = setup_of("squeezenet1_1", "galore", options=Options(update_gap=1))
    else:
        setup = setup_of("squeezenet1_1", training=Training(optimizer=optimizer))
    cell = ready(setup, Point(N=1, H=64, W=64, r=4 if setup.method.ranked else None))
    cell.model.eval()  # no dropout: each step is the same
    before = {name: tensor.detach().clone() for name, tensor in cell.model.named_parameters()}
    sums = []

    def phase(_step: int, name: str) -> None:
        if name == "optimizer":
            grads = [p.grad for p in cell.model.parameters() if p.grad is not None]
            sums.append(sum(float(grad.abs().sum()) for grad in grads))

    for _ in range(AGAIN):
        two_steps(cell.model, cell.optimizer, cell.batch, setup, phase)
    assert len(sums) == 2 * AGAIN
    assert sums == [sums[0]] * len(sums)
    assert 0 < sums[0] < float("inf")
    assert all(torch.equal(tensor, before[name]) for name, tensor in cell.model.named_parameters())
