"""Small modules drawn from a seed: layers, activations, losses, views, indexing, freezing, as people write them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # as everybody writes it

Use = Callable[[torch.Tensor], torch.Tensor]
"""What is done to a tensor (N, C, H, W)."""


class Drawn(nn.Module):
    """A convolution, some drawn parts one after another, and a linear layer."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.channels = draw.choice((4, 6, 8))
        self.first = nn.Conv2d(3, self.channels, draw.choice((1, 3)), draw.choice((1, 2)), bias=draw.random() < 0.7)
        self.layers = nn.ModuleList()
        self.names: list[str] = []
        self.parts: list[Use] = []
        for _ in range(draw.randint(2, 6)):
            name = draw.choice([*LAYERS, *FUNCTIONS, *FUNCTIONS])
            self.names.append(name)
            if name in LAYERS:
                layer, use = LAYERS[name](self, draw)
                self.layers.append(layer)
                self.parts.append(use)
            else:
                self.parts.append(FUNCTIONS[name])
        self.last = nn.Linear(self.channels, draw.choice((1, 5)))
        self.ending = draw.choice(list(ENDINGS))
        for parameter in self.parameters():
            parameter.requires_grad_(draw.random() < 0.8)
        self.last.requires_grad_(True)
        for module in self.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.Dropout)) and draw.random() < 0.3:
                module.eval()

    def forward(self, x: torch.Tensor) -> Any:
        x = self.first(x)
        for part in self.parts:
            x = part(x)
        return ENDINGS[self.ending](self.last(x.mean((2, 3))))


def _layer(make: Callable[[int, random.Random], nn.Module]) -> Callable[[Drawn, random.Random], tuple[nn.Module, Use]]:
    def made(model: Drawn, draw: random.Random) -> tuple[nn.Module, Use]:
        layer = make(model.channels, draw)
        return layer, lambda x: layer(x)

    return made


def _on_tokens(layer: nn.Module, use: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> tuple[nn.Module, Use]:
    """Let a layer see pixels as tokens (N, H*W, C)."""
    return layer, lambda x: use(layer, x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])


LAYERS: dict[str, Callable[[Drawn, random.Random], tuple[nn.Module, Use]]] = {
    "conv": _layer(lambda c, draw: nn.Conv2d(c, c, 3, padding=1, groups=draw.choice((1, 2)), bias=draw.random() < 0.5)),
    "depthwise": _layer(lambda c, draw: nn.Conv2d(c, c, 3, padding=1, groups=c)),
    "transposed": _layer(lambda c, draw: nn.ConvTranspose2d(c, c, 2, 2)),
    "batch_norm": _layer(lambda c, draw: nn.BatchNorm2d(c, affine=draw.random() < 0.8)),
    "frozen_norm": _layer(lambda c, draw: nn.BatchNorm2d(c).eval()),
    "group_norm": _layer(lambda c, draw: nn.GroupNorm(2, c)),
    "instance_norm": _layer(lambda c, draw: nn.InstanceNorm2d(c, affine=draw.random() < 0.5)),
    "layer_norm": lambda m, draw: _on_tokens(nn.LayerNorm(m.channels), lambda layer, t: layer(t)),
    "linear": lambda m, draw: _on_tokens(nn.Linear(m.channels, m.channels), lambda layer, t: layer(t).relu()),
    "attention": lambda m, draw: _on_tokens(
        nn.MultiheadAttention(m.channels, 2, batch_first=True), lambda layer, t: layer(t, t, t)[0]
    ),
    "gru": lambda m, draw: _on_tokens(
        nn.GRU(m.channels, m.channels, batch_first=True), lambda layer, t: layer(t[:, :6])[0].mean(1, keepdim=True) + t
    ),
    "prelu": _layer(lambda c, draw: nn.PReLU(c)),
    "dropout": _layer(lambda c, draw: nn.Dropout(0.2)),
    "code_book": lambda m, draw: _on_tokens(
        nn.Embedding(m.channels, m.channels), lambda layer, t: t + (layer(t.detach().argmax(-1)) - t).detach()
    ),
    "weight_norm": _layer(lambda c, draw: torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(c, c, 1))),
}
"""Parts with parameters of their own, or that differ between train and eval mode."""


def _in_place(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 0] = 0
    y[:, 1:].mul_(2)
    return y


def _squeezed(x: torch.Tensor) -> torch.Tensor:
    y = x.mean((2, 3), keepdim=True).clone()
    y.squeeze_(-1).squeeze_(-1).unsqueeze_(-1).unsqueeze_(-1)
    return x + y


FUNCTIONS: dict[str, Use] = {
    **{
        name: getattr(F, name)
        for name in "relu gelu silu mish hardswish softplus elu leaky_relu hardtanh logsigmoid".split()
    },
    "relu_in_place": lambda x: F.relu(x.clone(), inplace=True),
    "sigmoid_gate": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "softmax": lambda x: x.softmax(1),
    "max_pool": lambda x: F.max_pool2d(x, 2),
    "avg_pool": lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
    "upsample": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    "bilinear": lambda x: F.interpolate(x, size=(9, 7), mode="bilinear"),
    "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
    "circular": lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
    "reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "unfold": lambda x: F.fold(F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1),
    "channel_list": lambda x: x[:, [*range(x.shape[1])][::-1]],
    "halves": lambda x: torch.cat([half * k for k, half in enumerate(x.chunk(2, 1), start=1)], 1),
    "shuffled": lambda x: x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2),
    "strided": lambda x: x[:, :, ::2, 1:],
    "rolled": lambda x: x.roll(1, 2).flip(3),
    "columns_last": lambda x: x.contiguous(memory_format=torch.channels_last) + 1,
    "masked": lambda x: x.masked_fill(x > 1, 0.5),
    "where": lambda x: torch.where(x > 0, x, x * 0.1),
    "mask_written": lambda x: x.clone().masked_fill_(x < 0, 0),
    "in_place": _in_place,
    "squeezed": _squeezed,
    "einsum": lambda x: x + torch.einsum("nchw,ndhw->ncd", x, x).mean((1, 2))[:, None, None, None],
    "sorted": lambda x: x.sort(1).values,
    "top": lambda x: x * x.flatten(2).topk(2, -1).values.mean(-1)[..., None, None],
    "one_hot": lambda x: x * F.one_hot(x.detach().mean((2, 3)).argmax(1), x.shape[1])[..., None, None],
    "normalised": lambda x: F.normalize(x, dim=1),
    "response": lambda x: F.local_response_norm(x, 3),
    "numbers": lambda x: (x - torch.tensor(0.5)) / torch.tensor([2.0] * x.shape[1])[:, None, None],
    "noise": lambda x: x + 0.1 * torch.randn_like(x),
    "no_grad": lambda x: x - x.detach().mean((2, 3), keepdim=True),
    "cumulated": lambda x: x.cumsum(2) * 0.1,
    "variance": lambda x: (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1e-5).sqrt(),
    "mse_inside": lambda x: x + F.mse_loss(x, x.detach().sigmoid()),
    "smooth_inside": lambda x: x + F.smooth_l1_loss(x, torch.zeros_like(x)),
    "kl_inside": lambda x: x + F.kl_div(x.log_softmax(1), x.detach().softmax(1)),
    "largest": lambda x: x / float(x.detach().abs().max() + 1),
}
"""Parts without parameters."""

ENDINGS: dict[str, Callable[[torch.Tensor], Any]] = {
    "tensor": lambda y: y,
    "pair": lambda y: (y, y.sigmoid()),
    "dict": lambda y: {"logits": y, "pred": y.argmax(1), "parts": [y * 2]},
    "loss": lambda y: F.cross_entropy(y, torch.zeros(len(y), dtype=torch.int64)),
    "margin": lambda y: F.soft_margin_loss(y, torch.ones_like(y)),
}
"""What is returned."""
