"""Code of the caller's that branches on a size: what is said of many sizes is checked at each."""

from __future__ import annotations

import torch
from torch import nn

import costmodel


class Branching(nn.Module):
    """Convolves three times where 100 < W < 140."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for _ in range(3 if 100 < x.shape[-1] < 140 else 1):
            x = self.second(x)
        return self.head(x.mean((2, 3)))


def peak(side: int) -> int:
    found: int = costmodel.estimate(Branching(), resolution=side).memory["peak"]
    return found


def test_a_sweep_checks_each_side() -> None:
    sides = [64, 100, 101, 120, 139, 140, 180]
    swept = costmodel.sweep(Branching(), ["fft"], resolution=sides).to_frame()
    assert list(swept["memory.peak"]) == [peak(side) for side in sides]
    assert peak(101) > 1.5 * peak(100)


def test_the_largest_side_is_checked() -> None:
    for budget in (peak(100), peak(101) - 1, peak(120), peak(180)):
        (fit,) = costmodel.size(Branching(), ["fft"], memory=budget)
        (largest,) = [found.value for found in fit.largest if found.axis == "side"]
        assert largest is not None
        assert peak(largest) <= budget < peak(largest + 1)


class Decomposing(nn.Module):
    """Its cost has no closed form in the sides: LAPACK goes another way for long matrices than for square ones."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(self.layer(x))


def test_a_decomposition_of_both_sides_is_costed_at_its_sides() -> None:
    """It was a TypeError: each rule that has no closed form now lets the sides be held."""
    ask = {"batch": 2, "height": 32, "width": 48}
    by_kind = costmodel.estimate(Decomposing(), **ask).flops["arithmetic"]["by_kind"]
    assert by_kind["forward"]["svd"] == 2 * 4 * ((24 * 48 * 32**2 - 4 * 32**3) // 3)
