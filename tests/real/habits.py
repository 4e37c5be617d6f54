"""Modules as people write them, one habit each, with the cell that each is costed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # as everybody writes it

from costmodel import Training
from costmodel.compat import careful_imports

with careful_imports():
    import torchvision


class Habit(NamedTuple):
    """A module and the cell that it is costed in."""

    make: Callable[[], nn.Module]
    inputs: str
    batch: int
    method: str
    training: Training | None


HABITS: dict[str, Habit] = {}


def case(inputs: str = "3x24x31", batch: int = 2, method: str = "fft", training: Training | None = None) -> Any:
    """Note a module, or a function that makes one."""

    def noted(make: Any) -> Any:
        HABITS[make.__name__] = Habit(make, inputs, batch, method, training)
        return make

    return noted


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = (nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5))
        self.more()

    def more(self):
        pass

    def middle(self, x):
        return x

    def forward(self, x):
        return self.last(self.middle(self.first(x)).mean((2, 3)))


@case()
class FrozenPart(Small):
    def more(self):
        self.first.requires_grad_(False)


@case(method="lora")
class FrozenPartLora(Small):
    def more(self):
        self.first.weight.requires_grad_(False)


@case()
class ViewsInPlace(Small):
    def middle(self, x):
        y = x.clone()
        y.transpose_(2, 3)
        y.unsqueeze_(0)
        y.squeeze_(0)
        y.transpose_(2, 3)
        return y


@case()
class TInPlace(Small):
    def middle(self, x):
        w = torch.ones(8, 8)
        w.t_()
        return torch.einsum("nchw,cd->ndhw", x, w)


@case()
class BufferReplaced(Small):
    def more(self):
        self.register_buffer("m", torch.zeros(8))

    def middle(self, x):
        self.m = 0.9 * self.m + 0.1 * x.detach().mean((0, 2, 3))
        return x - self.m[:, None, None]


@case()
class FlatViews(Small):
    def more(self):
        self.flat = nn.Parameter(torch.randn(8 * 8 + 8))

    def middle(self, x):
        w, b = (self.flat[:64].view(8, 8, 1, 1), self.flat[64:])
        return F.conv2d(x, w, b)


@case()
class GRU2(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.last = (
            nn.GRU(93, 16, num_layers=2, bidirectional=True, dropout=0.2, batch_first=True),
            nn.Linear(32, 5),
        )

    def forward(self, x):
        return self.last(self.rnn(x.permute(0, 2, 1, 3).flatten(2))[0][:, -1])


@case()
class RNNs(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.last = (nn.RNN(93, 16, num_layers=2, nonlinearity="relu"), nn.Linear(16, 5))

    def forward(self, x):
        return self.last(self.rnn(x.permute(2, 0, 1, 3).flatten(2))[0][-1])


@case()
class LSTM1(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.last = (nn.LSTM(93, 16, batch_first=True), nn.Linear(16, 5))

    def forward(self, x):
        return self.last(self.rnn(x.permute(0, 2, 1, 3).flatten(2))[0][:, -1])


@case()
class LSTM2(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.last = (nn.LSTM(93, 16, num_layers=2, bidirectional=True, dropout=0.1), nn.Linear(32, 5))

    def forward(self, x):
        return self.last(self.rnn(x.permute(2, 0, 1, 3).flatten(2))[0][-1])


@case("7:int64")
class SparseEmb(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.last = (nn.Embedding(50, 8, sparse=True), nn.Linear(8, 5))

    def forward(self, x):
        return self.last(self.e(x).mean(1))


@case("7:int64", training=Training(optimizer="sgd"))
class SparseEmbSgd(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.last = (nn.Embedding(50, 8, sparse=True), nn.Linear(8, 5))

    def forward(self, x):
        return self.last(self.e(x).mean(1))


@case("7:int64")
class EmbBag(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.last = (nn.EmbeddingBag(50, 8), nn.Linear(8, 5))

    def forward(self, x):
        return self.last(self.e(x))


@case()
class FromNumbers(Small):
    def middle(self, x):
        return (x - torch.tensor([0.5] * 8)[:, None, None]) * torch.tensor(2.0) + torch.linspace(0, 1, 8)[:, None, None]


@case()
class JitPart(Small):
    def more(self):
        self.act = torch.jit.script(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()))

    def middle(self, x):
        return self.act(x)


@case()
def jit_whole():
    return torch.jit.script(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    )


@case()
def traced():
    return torch.jit.trace(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
        torch.randn(2, 3, 24, 31),
    )


@case()
def compiled():
    return torch.compile(Small())


@case()
class CompiledPart(Small):
    def more(self):
        self.act = torch.compile(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()))

    def middle(self, x):
        return self.act(x)


@case(training=Training(dtype="bfloat16"))
def in_bfloat16():
    return Small().bfloat16()


@case()
def bfloat16_already():
    return Small().bfloat16()


@case()
class DictOut(Small):
    def forward(self, x):
        y = super().forward(x)
        return {"a": y, "b": (y * 2, [y + 1])}


@case()
class HF(Small):
    def forward(self, x):
        from transformers.modeling_outputs import ImageClassifierOutput

        return ImageClassifierOutput(logits=super().forward(x))


@case("a=3x24x31,b=8")
class TwoInputs(Small):
    def forward(self, a, b):
        return self.last(self.first(a).mean((2, 3)) + b)


@case()
class Lazy(Small):
    def more(self):
        self.l = nn.LazyConv2d(8, 1)

    def middle(self, x):
        return self.l(x)


@case()
class Ema(Small):
    def more(self):
        self.ema = None

    def middle(self, x):
        m = x.detach().mean((0, 2, 3))
        self.ema = m if self.ema is None else 0.9 * self.ema + 0.1 * m
        return x - self.ema[:, None, None]


@case("3x24x31:uint8")
class Uint8(Small):
    def forward(self, x):
        return super().forward(x.float() / 255)


@case("N")
class OneNumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(1, 4)

    def forward(self, x):
        return self.l(x[:, None])


@case("3x24x31:float16")
def half():
    return Small().half()


@case()
class NoGradPart(Small):
    def middle(self, x):
        with torch.no_grad():
            m = x.mean((2, 3), keepdim=True)
        return x - m


@case()
class BoolMask(Small):
    def middle(self, x):
        return x * (x > 0)


@case()
class MaskedFill(Small):
    def middle(self, x):
        return x.masked_fill(x < 0, 0.0)


@case()
class MaskIndex(Small):
    def middle(self, x):
        x = x.clone()
        x[x < 0] = 0
        return x


@case()
class TopK(Small):
    def middle(self, x):
        v, i = x.flatten(2).topk(5, -1)
        return x * v.mean(-1)[..., None, None] + torch.gather(x.flatten(2), 2, i).sum(-1)[..., None, None]


@case()
class ArgmaxOneHot(Small):
    def forward(self, x):
        y = super().forward(x)
        return y * F.one_hot(y.argmax(1), 5)


@case()
class Scatter(Small):
    def middle(self, x):
        return torch.zeros_like(x).scatter_add(1, x.argmax(1, keepdim=True).expand_as(x), x)


@case()
class Interp(Small):
    def middle(self, x):
        return F.interpolate(x, scale_factor=2, mode="bilinear") + F.interpolate(F.avg_pool2d(x, 2), size=(48, 62))


@case()
class GridSample(Small):
    def more(self):
        self.theta = nn.Parameter(torch.eye(2, 3))

    def middle(self, x):
        g = F.affine_grid(self.theta.expand(len(x), 2, 3), x.shape, align_corners=False)
        return F.grid_sample(x, g, align_corners=False)


@case()
class MHA(Small):
    def more(self):
        self.a = nn.MultiheadAttention(8, 2, batch_first=True)

    def middle(self, x):
        t = x.flatten(2).transpose(1, 2)
        return self.a(t, t, t)[0].transpose(1, 2).unflatten(2, x.shape[2:])


@case()
class Encoder(Small):
    def more(self):
        self.a = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)

    def middle(self, x):
        t = x.flatten(2).transpose(1, 2)
        return self.a(t).transpose(1, 2).unflatten(2, x.shape[2:])


@case()
class WeightNorm(Small):
    def more(self):
        self.c = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1))

    def middle(self, x):
        return self.c(x)


@case()
class SpectralNorm(Small):
    def more(self):
        self.c = torch.nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 1))

    def middle(self, x):
        return self.c(x)


@case()
class SpectralNormOld(Small):
    def more(self):
        self.c = torch.nn.utils.spectral_norm(nn.Conv2d(8, 8, 1))

    def middle(self, x):
        return self.c(x)


@case()
class Drop(Small):
    def middle(self, x):
        return F.dropout2d(F.dropout(x, 0.3, self.training), 0.2, self.training)


@case()
class StochDepth(Small):
    def more(self):
        self.d = torchvision.ops.StochasticDepth(0.3, "row")

    def middle(self, x):
        return self.d(x.relu()) + x


@case()
class CustomFn(Small):
    def middle(self, x):

        class Fn(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.clamp(min=0)

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * (x > 0)

        return Fn.apply(x)


@case()
class Hooked(Small):
    def more(self):
        self.first.register_forward_hook(lambda m, i, o: o * 2)


@case()
class GradHook(Small):
    def middle(self, x):
        if x.requires_grad:
            x.register_hook(lambda g: g * 0.5)
        return x.relu()


@case()
class Cumsum(Small):
    def middle(self, x):
        return x.cumsum(2).flip(3).roll(1, 2)


@case()
class Unique(Small):
    def middle(self, x):
        return x * torch.unique(x.detach() > 0).numel()


@case()
class NonZero(Small):
    def forward(self, x):
        y = super().forward(x)
        i = (y > 0).nonzero()
        return y[i[:, 0]]


@case()
class Sort(Small):
    def middle(self, x):
        return x.sort(1)[0]


@case()
class Roi(Small):
    def middle(self, x):
        b = torch.tensor([[0.0, 0.0, 0.0, 5.0, 5.0], [1.0, 1.0, 1.0, 9.0, 9.0]])
        return torchvision.ops.roi_align(x, b, (4, 4))


@case()
class Complex(Small):
    def middle(self, x):
        return torch.fft.ifft2(torch.fft.fft2(x) * torch.polar(torch.ones(()), torch.ones(()))).real


@case()
class Vmap(Small):
    def middle(self, x):
        return torch.vmap(lambda t: t * t.sum())(x)


@case()
class AutogradGrad(Small):
    def middle(self, x):
        y = x.relu()
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return y + g


@case()
class ChannelsLast(Small):
    def middle(self, x):
        return F.max_pool2d(x.to(memory_format=torch.channels_last), 2)


@case()
class NumpyConst(Small):
    def middle(self, x):
        return x * torch.from_numpy(numpy.ones((8, 1, 1), dtype="float32"))


@case()
class AsTensorItem(Small):
    def middle(self, x):
        return x / float(x.detach().abs().max())


@case()
class ShapeTensor(Small):
    def middle(self, x):
        n = torch.tensor(x.shape[1:]).prod()
        return x / n


@case()
class Gaussian(Small):
    def middle(self, x):
        return x + torch.randn_like(x) * 0.1 + torch.rand(1).item()


@case()
class GumbelVQ(Small):
    def more(self):
        self.code = nn.Embedding(16, 8)

    def middle(self, x):
        t = x.flatten(2).transpose(1, 2)
        d = torch.cdist(t, self.code.weight[None].expand(len(t), -1, -1))
        q = self.code(d.argmin(-1))
        q = t + (q - t).detach()
        return q.transpose(1, 2).unflatten(2, x.shape[2:])


@case()
class Simam(Small):
    def middle(self, x):
        n = x.shape[2] * x.shape[3] - 1
        d = (x - x.mean((2, 3), keepdim=True)).pow(2)
        return x * torch.sigmoid(d / (4 * (d.sum((2, 3), keepdim=True) / n + 0.0001)) + 0.5)


@case()
class LocalResp(Small):
    def middle(self, x):
        return F.local_response_norm(x, 3)


@case()
class Losses(Small):
    def middle(self, x):
        t = x.detach().sigmoid()
        return (
            x
            + F.smooth_l1_loss(x, t)
            + F.huber_loss(x, t)
            + F.binary_cross_entropy(x.sigmoid(), t)
            + F.kl_div(x.log_softmax(1), t)
            + F.l1_loss(x, t)
            + F.cosine_embedding_loss(x.flatten(1), t.flatten(1), torch.ones(len(x)))
        )


@case()
class Triplet(Small):
    def forward(self, x):
        y = super().forward(x)
        return F.triplet_margin_loss(y, y.roll(1, 0), y.flip(0)) + F.margin_ranking_loss(
            y[:, 0], y[:, 1], torch.ones(len(y))
        )
