"""Small networks that a host is calibrated on, beside models of the zoo: what those have not, in sizes that matter."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from costmodel.compat import torchvision_models


def _made(kind: Callable[..., nn.Module], *args: object, **kwargs: object) -> nn.Module:
    """Call a constructor of torchvision, which ships no types."""
    return kind(*args, **kwargs)


def transformer() -> nn.Module:
    """A vision transformer of 192 channels, three blocks, 197 tokens at 224x224."""
    return _made(
        torchvision_models().VisionTransformer,
        224,
        16,
        num_layers=3,
        num_heads=3,
        hidden_dim=192,
        mlp_dim=768,
        num_classes=10,
    )


def windows() -> nn.Module:
    """A windowed transformer of 48 channels, two stages."""
    return _made(
        torchvision_models().SwinTransformer,
        [4, 4],
        48,
        [2, 2],
        [3, 6],
        [7, 7],
        stochastic_depth_prob=0.0,
        num_classes=10,
    )


def convnext() -> nn.Module:
    """Large depthwise kernels with layer norms, 48 and 96 channels."""
    models = torchvision_models()
    block = models.convnext.CNBlockConfig
    return _made(models.ConvNeXt, [block(48, 96, 2), block(96, None, 2)], num_classes=10)


def grouped() -> nn.Module:
    """Residual blocks with grouped convolutions of 4 to 32 channels in a group."""
    models = torchvision_models()
    return _made(models.ResNet, models.resnet.Bottleneck, [2, 2, 2, 2], num_classes=10, groups=32, width_per_group=4)


def wide() -> nn.Module:
    """Linear layers whose weights are far larger than a cache, behind pooling."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Dropout(), nn.Linear(4096, 1024), nn.ReLU(), nn.Linear(1024, 10),
    )  # fmt: skip


class Branches(nn.Module):
    """Operators between the convolutions: activations, gates, norms, poolings, concatenation, shuffling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        self.sharp = nn.ModuleList([nn.SiLU(), nn.SiLU(inplace=True), nn.Hardswish(), nn.GELU(), nn.LeakyReLU()])
        self.smooth = nn.ModuleList([nn.Sigmoid(), nn.Hardsigmoid(), nn.Tanh(), nn.ELU(), nn.ReLU6()])
        self.norm = nn.GroupNorm(4, 32)
        self.reduce = nn.Conv2d(128, 32, 1)
        self.pools = nn.ModuleList([nn.MaxPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(2, 2), nn.MaxPool2d(2)])
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the stages one after the other, each at half the side."""
        x = self.stem(x)
        for sharp, smooth, pool in zip(self.sharp, self.smooth, [*self.pools, nn.Identity()], strict=True):
            gate = smooth(x.mean((2, 3), keepdim=True))
            parts = [sharp(self.norm(x)), x * gate, smooth(x) + x, x.clone()]
            x = torch.cat(parts, 1)
            x = x.unflatten(1, (4, 32)).transpose(1, 2).flatten(1, 2)
            x = pool(self.reduce(x))
        out: torch.Tensor = self.head(x.mean((2, 3)))
        return out


def branches() -> nn.Module:
    """Build `Branches`."""
    return Branches()
