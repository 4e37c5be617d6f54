"""Networks that claims are about and that torchvision does not have: ``validate.claims.models:mobilenet``."""

from __future__ import annotations

from torch import nn

from costmodel.compat import torchvision_models

_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Output channels and stride of each block of the first MobileNet: Howard et al., arXiv 1704.04861, Table 1."""


def mobilenet() -> nn.Module:
    """Return the first MobileNet: every block a depthwise 3 x 3 and a pointwise convolution."""
    return _stacked(separable=True)


def mobilenet_standard() -> nn.Module:
    """Return the same with one full 3 x 3 convolution in the place of each block, as its Table 4 compares them."""
    return _stacked(separable=False)


def _stacked(separable: bool) -> nn.Module:
    stack: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False)]
    channels = 32
    for wide, stride in _BLOCKS:
        if separable:
            stack += [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.ReLU()]
            stack += [nn.Conv2d(channels, wide, 1, bias=False), nn.ReLU()]
        else:
            stack += [nn.Conv2d(channels, wide, 3, stride, 1, bias=False), nn.ReLU()]
        channels = wide
    model = nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.add_module("head", nn.Linear(channels, 10))
    return model


def mobilenet_v2_cifar() -> nn.Module:
    """Return torchvision's mobilenet_v2 as models trained on CIFAR-10 have it: its first two strides of 2 are 1."""
    model: nn.Module = torchvision_models().mobilenet_v2(num_classes=10)
    halving = [part for part in model.modules() if isinstance(part, nn.Conv2d) and part.stride == (2, 2)]
    for part in halving[:2]:
        part.stride = (1, 1)
    return model


def resnet18_cifar() -> nn.Module:
    """Return torchvision's resnet18 as models trained on CIFAR-10 have it: a 3 x 3 stem of stride 1, no pooling."""
    model: nn.Module = torchvision_models().resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = nn.Identity()
    return model
