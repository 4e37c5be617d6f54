"""A module of the caller's own: exact or refused, and never changed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import costmodel
from validate.compare import validate_cell


class Net(nn.Module):
    def __init__(self, *body: nn.Module, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(channels, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean((2, 3)))


def plain() -> Net:
    return Net(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 5, 3, 2, groups=4), nn.BatchNorm2d(8), channels=8)


def windows() -> Net:
    return Net(
        nn.Conv2d(3, 6, 3), nn.MaxPool2d(3, 2, dilation=2), nn.Conv2d(6, 6, 1, stride=2), nn.MaxPool2d(2), channels=6
    )


@pytest.mark.parametrize("make", [plain, windows])
@pytest.mark.parametrize("method", ["fft", "bn_head", "lora", "dora", "galore"])
def test_exact(make, method: str) -> None:
    comparison = validate_cell(make(), method, batch=2, height=45, width=60)
    assert [(row.quantity, row.difference) for row in comparison.rows if row.difference] == []


@pytest.mark.parametrize("method", ["fft", "galore"])
def test_dilated_convolutions(method: str) -> None:
    net = Net(nn.Conv2d(3, 6, 3, dilation=2), nn.Conv2d(6, 4, (3, 1), (2, 1), dilation=(3, 1)), channels=4)
    assert validate_cell(net, method, batch=2, height=45, width=60).equal


def test_what_peft_cannot_do_is_said() -> None:
    """peft 0.21 leaves the dilation out of its low-rank factor, so the real step fails as well."""
    with pytest.raises(costmodel.TraceError, match=r"lora_|body\.0"):
        costmodel.estimate(Net(nn.Conv2d(3, 6, 3, dilation=2), channels=6), "lora")


@pytest.mark.parametrize("method", ["fft", "bn_head", "lora", "dora", "galore"])
def test_the_module_is_not_changed(method: str) -> None:
    module = plain().eval()
    before = {name: (value.clone(), value.requires_grad) for name, value in module.state_dict(keep_vars=True).items()}
    names = [name for name, _ in module.named_modules()]
    costmodel.estimate(module, method, resolution=64)
    after = module.state_dict(keep_vars=True)
    assert all(
        torch.equal(after[name], value) and after[name].requires_grad == grad for name, (value, grad) in before.items()
    )
    assert [name for name, _ in module.named_modules()] == names
    assert not module.training


def test_tied_weights_are_one_storage() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 3, 3, padding=1)
            self.second = nn.Conv2d(3, 3, 3, padding=1)
            self.second.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x))

    assert validate_cell(Tied(), "fft", resolution=40).equal


def test_frozen_parameters_stay_frozen() -> None:
    module = plain()
    module.body[0].requires_grad_(False)
    assert validate_cell(module, "fft", resolution=40).equal


def test_a_size_without_a_closed_form_is_refused() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x[:, :, : x.shape[2] * 5 // 7].relu().mean((2, 3)))

    with pytest.raises(costmodel.LiftError, match="closed form"):
        costmodel.estimate(Halves(), "fft")


def test_a_module_that_cannot_be_traced_says_where() -> None:
    class Peeks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.fc(x.mean((2, 3)))
            return x * float(x.sum().item())

    with pytest.raises(costmodel.TraceError, match=r"aten\.sum\.default"):
        costmodel.estimate(Peeks(), "fft")


def test_an_operator_without_a_rule_is_reported() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.special.i0(x).mean((2, 3)))

    estimate = costmodel.estimate(Odd(), "fft")
    assert estimate.unknown == {"i0": 1}
    assert estimate.to_dict()["unknown"] == {"i0": 1}


def test_bn_head_needs_a_head() -> None:
    with pytest.raises(costmodel.InputError, match="classifier, fc, head, heads"):
        costmodel.estimate(nn.Conv2d(3, 3, 3), "bn_head")
