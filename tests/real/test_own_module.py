"""A module of the caller's own: exact or refused, and never changed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import costmodel
from costmodel.compat import careful_imports
from tests.cells import validate


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
    comparison = validate(make(), method, batch=2, height=45, width=60)
    assert [(row.quantity, row.difference) for row in comparison.rows if row.difference] == []


@pytest.mark.parametrize("method", ["fft", "galore"])
def test_dilated_convolutions(method: str) -> None:
    net = Net(nn.Conv2d(3, 6, 3, dilation=2), nn.Conv2d(6, 4, (3, 1), (2, 1), dilation=(3, 1)), channels=4)
    assert validate(net, method, batch=2, height=45, width=60).equal


def test_what_peft_cannot_do_is_said() -> None:
    """peft 0.21 leaves the dilation out of its low-rank factor, so the real step fails as well."""
    net = Net(nn.Conv2d(3, 6, 3, dilation=2), channels=6)
    with pytest.raises(costmodel.InputError, match="dilation"):
        costmodel.estimate(net, "lora")
    with careful_imports():
        import peft
    adapted = peft.get_peft_model(net, peft.LoraConfig(r=4, target_modules=["body.0"]))
    with pytest.raises(RuntimeError, match="size of tensor"):
        adapted(torch.randn(1, 3, 20, 20))


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

    assert validate(Tied(), "fft", resolution=40).equal


def test_frozen_parameters_stay_frozen() -> None:
    module = plain()
    module.body[0].requires_grad_(False)
    assert validate(module, "fft", resolution=40).equal


class Composed(nn.Module):
    """Layers put together by a function, behind a head."""

    def __init__(self, compose, *layers: nn.Module, channels: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.compose = compose
        self.head = nn.Linear(channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.compose(self.layers, x).mean((2, 3)))


class Flattened(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.fc = nn.Linear(8 * 20 * 23, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(x).flatten(1))


def chained(layers, x):
    for layer in layers:
        x = layer(x)
    return x


STEM = (3, 8, 3, 2, 1)
HARD = {
    # Sizes that agree with another at odd sides only, sizes cut off, branches on a size: seen only at the point itself.
    "transposed": Composed(chained, nn.Conv2d(*STEM), nn.ConvTranspose2d(8, 8, 3, 2, 1, groups=2)),
    "average pool": Composed(chained, nn.Conv2d(*STEM), nn.AvgPool2d(3, 2)),
    "ceil mode": Composed(chained, nn.Conv2d(*STEM), nn.MaxPool2d(3, 2, ceil_mode=True)),
    "upsample": Composed(chained, nn.Conv2d(*STEM), nn.Upsample(scale_factor=2)),
    "padding": Composed(chained, nn.ZeroPad2d(1), nn.Conv2d(*STEM)),
    "strided slice": Composed(
        lambda m, x: (
            m[0](x[:, :, 1::4, 1::4]).mean((2, 3), True) + m[1](nn.functional.max_pool2d(x, 4)).mean((2, 3), True)
        ),
        nn.Conv2d(3, 8, 1),
        nn.Conv2d(3, 8, 1),
    ),
    "long stride": Composed(chained, nn.Conv2d(3, 8, 3, 6000, padding=1)),
    "crop": Composed(lambda m, x: m[0](x[:, :, :64, :64]), nn.Conv2d(3, 8, 1)),
    "branch": Composed(lambda m, x: m[0](x if x.shape[2] > 60 else x.relu()), nn.Conv2d(3, 8, 1)),
    "fixed flatten": Flattened(),
    "prelu": Composed(chained, nn.Conv2d(*STEM), nn.PReLU()),
    "adaptive pool": Composed(chained, nn.Conv2d(*STEM), nn.AdaptiveAvgPool2d(3)),
    "group norm": Composed(chained, nn.Conv2d(*STEM), nn.GroupNorm(2, 8)),
}


@pytest.mark.parametrize("name", HARD)
def test_what_has_no_closed_form_in_the_sides_is_exact_at_the_sides_asked_for(name: str) -> None:
    comparison = validate(HARD[name], "fft", batch=2, height=40, width=46)
    assert [(row.quantity, row.instrument, row.difference) for row in comparison.rows if row.difference] == []


def test_tokens_are_not_taken_for_a_saturated_rank() -> None:
    def tokens(layers, x):
        x = layers[0](x)
        for _ in range(6):
            x = nn.functional.max_pool2d(x, 2)
        return layers[1](x.flatten(2).transpose(1, 2)).transpose(1, 2)[..., None]

    net = Composed(tokens, nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8))
    comparison = validate(net, "lora", rank=8, batch=2, height=256, width=320)
    assert comparison.equal
    assert comparison.estimate.domain["r"] == "2 <= r <= 64"


@pytest.mark.parametrize("method", ["fft", "galore"])
def test_a_trained_norm_behind_a_frozen_layer(method: str) -> None:
    """The CPU kernel makes no input gradient there, the meta kernel does."""
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32))
    net[0].requires_grad_(False)
    assert validate(net, method, batch=2, height=70, width=64).equal


def test_a_buffer_that_is_a_view_keeps_its_storage() -> None:
    net = plain()
    net.register_buffer("window", torch.arange(1000.0)[:10])
    assert validate(net, "fft", batch=2, resolution=40).equal


def test_several_outputs_are_summed() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> dict:
            return {"a": self.a(x), "b": [self.b(x)]}

    assert validate(Two(), "fft", batch=2, resolution=40).equal


def test_fused_attention_takes_the_path_of_the_cpu() -> None:
    def attend(layers, x):
        y = layers[0](x).flatten(2).transpose(1, 2)[:, None]
        return nn.functional.scaled_dot_product_attention(y, y, y).transpose(2, 3).flatten(1, 2)[..., None]

    assert validate(Composed(attend, nn.Conv2d(3, 8, 8, 8)), "fft", resolution=64).equal


def test_a_symbolic_side_without_a_closed_form_is_refused() -> None:
    with pytest.raises(costmodel.CostModelError):
        costmodel.estimate(HARD["branch"], "fft", resolution="S")


@pytest.mark.parametrize(
    ("model", "method"),
    [(nn.ReLU(), "fft"), (nn.ReLU(), "lora"), (nn.LazyConv2d(3, 3), "fft"), (5, "fft"), (nn.Linear, "fft")],
)
def test_what_cannot_be_adapted_is_refused_in_one_line(model, method: str) -> None:
    with pytest.raises(costmodel.InputError) as refused:
        costmodel.estimate(model, method)
    assert "\n" not in str(refused.value)


def test_a_module_that_cannot_be_traced_says_where() -> None:
    class Peeks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.fc(x.mean((2, 3)))
            return x.relu() if x.sum() > 0 else x

    with pytest.raises(costmodel.TraceError, match=r"depends on data, which .* reads at .*test_own_module\.py:\d+$"):
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
