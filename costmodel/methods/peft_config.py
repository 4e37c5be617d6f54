"""Any configuration object of peft as a method."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from costmodel.methods.adapters import LINEAR, any_of, default_names, wrap
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn

_RANKED = ("lora", "loha", "lokr", "vera")
"""Configurations whose ``r`` is the rank of a factor."""

_LINEAR_ONLY = ("vera", "adalora")
"""Configurations that know no convolutions."""


def from_config(config: Any) -> Method:
    """Return the method of a peft configuration object, which is copied.

    LoRA, LoHa, LoKr and VeRA have their ``r`` as the rank. The others are costed as they are configured: their ``r`` is
    no rank of a factor (AdaLoRA starts from ``init_r``, HRA does ``r`` reflections one after another). Without
    ``target_modules`` it gets the default targets of the method by that name, or every Linear and ungrouped Conv2d.
    """
    name = type(config).__name__.removesuffix("Config").lower()
    ranked = name in _RANKED
    kinds = LINEAR if name in _LINEAR_ONLY else (*LINEAR, "Conv2d")

    def adapt(model: nn.Module, rank: int | None, _options: Options) -> nn.Module:
        own = deepcopy(config)
        if rank is not None:
            own.r = rank
        if getattr(own, "target_modules", "none to set") is None:
            own.target_modules = any_of(default_names(model, kinds, None))
        return wrap(model, own, rank)

    settings = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    return Method(
        name,
        "what the peft configuration adds",
        f"peft {type(config).__name__}",
        adapt,
        rank=config.r if ranked else None,
        packages=("peft",),
        splits="r" if ranked else "",
        identity=repr(sorted(settings.items())),
    )
