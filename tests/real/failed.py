"""Modules for which an answer was wrong or refused, with the right values where somebody else measured them."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # as everybody writes it
from torch.utils.checkpoint import checkpoint


class Small(nn.Module):
    """Convolution, something in the middle, a linear layer."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)

    def middle(self, x):
        return x

    def forward(self, x):
        return self.last(self.middle(self.first(x)).mean((2, 3)))


class Mish(Small):
    def middle(self, x):
        return F.mish(x)


class FrozenBatchNorm(Small):
    """The usual override: statistics stay as they are while the model trains."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def middle(self, x):
        return self.norm(x)


class LossInside(Small):
    """A commitment loss added inside forward, as in vector quantisation."""

    def middle(self, x):
        return x + F.mse_loss(x, x.detach().sigmoid())


class UnfoldFold(Small):
    def middle(self, x):
        columns = F.unfold(x, 3, padding=1)
        return F.fold(columns, x.shape[2:], 3, padding=1)


class ListIndex(Small):
    def middle(self, x):
        return x[:, [0, 2, 4, 1, 3, 5, 6, 7]]


class SharedBuffer(Small):
    """Two buffers that are views of one larger storage."""

    def __init__(self):
        super().__init__()
        whole = torch.arange(30.0)
        self.register_buffer("a", whole[:3])
        self.register_buffer("b", whole[3:6])

    def middle(self, x):
        return x * self.a.sum() + self.b.sum()


class SqueezeInPlace(Small):
    def middle(self, x):
        y = x.mean((2, 3), keepdim=True).clone()
        y.squeeze_(-1)
        y.squeeze_(-1)
        return x + y[:, :, None, None]


class RowsThroughGRU(nn.Module):
    """Each row of an image through a recurrent layer, batch first."""

    def __init__(self):
        super().__init__()
        self.rnn, self.last = nn.GRU(3 * 31, 16, batch_first=True), nn.Linear(16, 5)

    def forward(self, x):
        rows = x.permute(0, 2, 1, 3).flatten(2)
        return self.last(self.rnn(rows)[0][:, -1])


class BranchOnBatch(Small):
    """Another path from four samples on: an answer at N = 2 says nothing of N = 4."""

    def middle(self, x):
        return x.relu().sigmoid() if x.shape[0] % 4 == 0 else x.relu()


class Wide(nn.Module):
    """A layer whose sides exceed every rank that was traced: GaLore's Min(r, side) for side = 12,000."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 12_000, 3)
        self.last = nn.Linear(12_000, 12_500)

    def forward(self, x):
        return self.last(self.first(x).mean((2, 3)))


RIGHT = {
    "Mish": {"temp": 95_232, "peak": 146_320},
    "FrozenBatchNorm": {"act": 95_340, "peak": 146_656},
    "LossInside": {"act": 190_508},
    "UnfoldFold": {"act": 904_748, "temp": 857_088, "peak": 907_992},
    "ListIndex": {"act": 95_340, "peak": 146_384},
    "SharedBuffer": {"buffer": 120, "peak": 146_264},
    "SqueezeInPlace": {
        "param": 1_076, "buffer": 0, "grad": 1_076, "act": 95_340, "temp": 142_848, "opt": 3_896, "peak": 146_320,
    },
    "RowsThroughGRU": {
        "param": 21_652, "buffer": 0, "grad": 21_652, "act": 69_676, "temp": 27_072, "opt": 79_040, "peak": 134_656,
    },
}  # fmt: skip
"""Bytes at N = 2, 24 x 31, FFT, AdamW, loss sum."""


def autoencoder():
    layers, inputs = [], 640
    for outputs in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, 640))


def frozen_norm():
    layers, inputs = [], 3
    for outputs in (32, 64, 64):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.requires_grad_(False)
    return net


@dataclasses.dataclass
class Out:
    logits: torch.Tensor
    features: torch.Tensor


class Answering(nn.Module):
    def __init__(self, plain):
        super().__init__()
        self.conv, self.fc, self.plain = nn.Conv2d(3, 8, 3), nn.Linear(8, 3), plain

    def forward(self, x):
        features = self.conv(x).mean((2, 3))
        logits = self.fc(features)
        return {"logits": logits, "pred": logits.argmax(1)} if self.plain else Out(logits, features)


def dataclass_output():
    return Answering(False)


def argout():
    return Answering(True)


class FourierFilter(nn.Module):
    """A GFNet-like global filter: the transforms have no rule."""

    def __init__(self):
        super().__init__()
        self.patches, self.fc = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 10)
        self.weight = nn.Parameter(torch.randn(16, 9, 8, 2) * 0.02)

    def forward(self, x):
        x = self.patches(x).permute(0, 2, 3, 1)
        y = torch.fft.rfft2(x, dim=(1, 2), norm="ortho") * torch.view_as_complex(self.weight)
        return self.fc(torch.fft.irfft2(y, s=x.shape[1:3], dim=(1, 2), norm="ortho").mean((1, 2)))


def tcn():
    return nn.Sequential(nn.Conv1d(9, 32, 3), nn.ReLU(), nn.Conv1d(32, 6, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten())


def depthwise(width=64):
    layers = [nn.Conv2d(1, width, (10, 4), 2, (4, 1)), nn.BatchNorm2d(width), nn.ReLU()]
    for _ in range(4):
        layers += [nn.Conv2d(width, width, 3, padding=1, groups=width), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.AvgPool2d((24, 5)), nn.Flatten(), nn.Linear(width, 12))


def cumulative():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=None))


def fake_quantised():
    quantization = torch.ao.quantization
    observed = quantization.FakeQuantize(observer=quantization.MovingAverageMinMaxObserver, quant_min=0, quant_max=255)
    return nn.Sequential(nn.Conv2d(3, 8, 3), observed)


class Ctc(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(16, 32, 3, padding=1), nn.Linear(32, 28)

    def forward(self, x, y):
        scores = self.fc(F.relu(self.conv(x)).transpose(1, 2)).log_softmax(-1).transpose(0, 1)
        lengths = (torch.full((len(x),), tensor.shape[-1]) for tensor in (x, y))
        return F.ctc_loss(scores, y, *lengths)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.gate, self.fc = nn.Parameter(torch.randn(4, 16, 16)), nn.Linear(16, 4), nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(torch.einsum("nd,edf,ne->nf", x, self.weight, self.gate(x).softmax(-1)))


def experts():
    return Experts()


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU())
        self.b, self.fc = nn.Sequential(nn.Conv2d(16, 16, 3), nn.ReLU()), nn.Linear(16, 4)

    def forward(self, x):
        x = checkpoint(self.b, checkpoint(self.a, x, use_reentrant=False), use_reentrant=False)
        return self.fc(x.mean((2, 3)))


def checkpointed():
    return Checkpointed()


class Fails(Small):
    """Data without a shape has no sum above a million; random pixels have none either."""

    def middle(self, x):
        if float(x.detach().sum()) < 1e9:
            return self.checked(x)
        return x

    def checked(self, x):
        if type(x.detach()) is torch.Tensor and x.device.type == "cpu":
            raise ValueError("not with such pixels")
        return x


@torch.library.custom_op("lying::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    """Return twice the tensor, on a storage twice as large as its kernel of shapes says."""
    return torch.empty(2 * x.numel()).narrow(0, 0, x.numel()).view(x.shape).copy_(2 * x)


@twice.register_fake
def _(x):
    return torch.empty_like(x)


twice.register_autograd(lambda _ctx, grad: 2 * grad)


class Lies(Small):
    def middle(self, x):
        return twice(x)
