"""Adapters of the real peft package: LoRA and its kin by name, and any peft configuration object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from costmodel.errors import InputError
from costmodel.methods.method import Method, Options
from costmodel.methods.plain import head_name

if TYPE_CHECKING:
    from torch import nn

LINEAR, CONVOLUTION = "Linear", "Conv2d"
_LORA = (LINEAR, CONVOLUTION, "Conv1d", "Conv3d", "Embedding")
_IA3 = (LINEAR, CONVOLUTION, "Conv3d")
_LINEAR_ONLY = ("vera", "adalora")
_LYCORIS = (LINEAR, CONVOLUTION, "Conv1d")
Settings = dict[str, Any]


def default_targets(model: nn.Module, kinds: Iterable[str]) -> list[str]:
    """Name the layers that get an adapter: every Linear and every Conv2d with one group, in module order.

    An attention's ``out_proj`` is left out: torch's fused attention reads its weight and never calls it.

    Args:
        model: the model to adapt.
        kinds: layer types that the method supports, of ``Linear`` and ``Conv2d``.
    """
    from torch import nn

    types = tuple(getattr(nn, kind) for kind in kinds)
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, types) and getattr(module, "groups", 1) == 1 and name.rpartition(".")[2] != "out_proj"
    ]


def _lora(rank: int | None, options: Options, *, dora: bool) -> Settings:
    return {
        "r": rank,
        "lora_alpha": options.alpha or rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_dora": dora,
        "rank_pattern": dict(options.rank_pattern),
    }


def _lycoris(rank: int | None, options: Options) -> Settings:
    return {"r": rank, "alpha": options.alpha or rank, "rank_pattern": dict(options.rank_pattern)}


def _ia3(_rank: int | None, _options: Options) -> Settings:
    """Scale every target's output; with ``feedforward_modules`` peft would scale the inputs of those named there."""
    return {"feedforward_modules": []}


def _vera(rank: int | None, _options: Options) -> Settings:
    return {"r": rank, "vera_dropout": 0.0, "bias": "none"}


def _adapt(
    model: nn.Module,
    rank: int | None,
    options: Options,
    *,
    config: str,
    settings: Callable[[int | None, Options], Settings],
    kinds: tuple[str, ...],
    supported: tuple[str, ...],
) -> nn.Module:
    """Wrap the model with peft: alpha = r unless told otherwise, dropout 0, no bias.

    Args:
        model: what to adapt.
        rank: the method's rank.
        options: what it was told beside.
        config: name of peft's configuration class.
        settings: its arguments, by rank and options.
        kinds: layer types that get an adapter unless ``--targets`` says which layers do.
        supported: layer types that may be named by ``--targets``.
    """
    from costmodel.compat import careful_imports

    with careful_imports():
        import peft

    chosen = settings(rank, options)
    head = head_name(model, "--train-head") if options.train_head else None
    if head:
        chosen["modules_to_save"] = [head]
    if options.targets is None:
        names = _default_names(model, kinds, head)
    else:
        names = _matching(model, options.targets, supported)
    for pattern in dict(options.rank_pattern):
        if not any(re.match(rf"(.*\.)?({pattern})$", name) for name in names):  # peft's own rule
            raise InputError(f"--rank-pattern {pattern}: matches none of the targets, such as '{names[-1]}'")
    chosen["target_modules"] = _any_of(names)
    return wrap(model, getattr(peft, config)(**chosen), rank)


def _refuse_dilated(model: nn.Module, config: Any) -> None:
    """Refuse what would fail in the step: peft's LoRA leaves a convolution's dilation out of its factor."""
    if config.peft_type.value != "LORA":
        return
    targets = config.target_modules
    for name, module in model.named_modules():
        dilation = getattr(module, "dilation", 1)
        if isinstance(targets, str):
            targeted = re.fullmatch(targets, name) is not None
        else:
            targeted = any(f".{name}".endswith(f".{target}") for target in targets or ())
        if targeted and dilation not in (1, (1,), (1, 1), (1, 1, 1)):
            raise InputError(
                f"peft's low-rank factor leaves the dilation {dilation} of '{name}' out, so the step would fail: "
                "choose other layers with --targets"
            )


def _default_names(model: nn.Module, kinds: tuple[str, ...], head: str | None) -> list[str]:
    """Name the default targets, outside the head if that is trained in full.

    Raises:
        InputError: when there are none.
    """
    names = [name for name in default_targets(model, kinds) if not head or name.split(".")[0] != head]
    if not names:
        raise InputError(f"{type(model).__name__} has no layer to adapt: expected {' or '.join(kinds)}")
    return names


def _any_of(names: list[str]) -> str:
    return f"({'|'.join(re.escape(name) for name in names)})"


def _matching(model: nn.Module, pattern: str, supported: tuple[str, ...]) -> list[str]:
    """Name the layers of supported types that a regular expression matches in full."""
    from torch import nn

    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--targets {pattern}: not a regular expression: {error}") from error
    types = tuple(getattr(nn, kind) for kind in supported)
    layers = [name for name, module in model.named_modules() if isinstance(module, types)]
    found = [name for name in layers if expression.fullmatch(name)]
    if not found:
        example = f", such as '{layers[-1]}'" if layers else ""
        raise InputError(
            f"--targets {pattern}: matches no {', '.join(supported)} layer of {type(model).__name__}{example}"
        )
    return found


def wrap(model: nn.Module, config: Any, rank: int | None) -> nn.Module:
    """Apply a peft configuration to a model.

    Raises:
        InputError: where peft refuses it, with peft's reason.
    """
    from costmodel.compat import careful_imports

    _refuse_dilated(model, config)
    with careful_imports():
        import peft

        try:
            adapted: nn.Module = peft.get_peft_model(model, config).train()
        except (ValueError, TypeError, NotImplementedError, RuntimeError, KeyError) as error:
            raise InputError(_refusal(error, config, rank)) from error
    return adapted


def _refusal(error: Exception, config: Any, rank: int | None) -> str:
    reason = " ".join(str(error).split())
    if "groups" in reason:
        return (
            f"--rank {rank}: a grouped convolution is among the targets, and its low-rank factor has the same groups: "
            f"the rank must be divisible by them ({reason})"
        )
    return f"peft refuses {type(config).__name__}: {reason}"


def from_config(config: Any) -> Method:
    """Return the method of a peft configuration object, which is copied.

    LoRA, LoHa, LoKr and VeRA have their ``r`` as the rank. The others are costed as they are configured: their ``r`` is
    no rank of a factor (AdaLoRA starts from ``init_r``, HRA does ``r`` reflections one after another). Without
    ``target_modules`` it gets the default targets of the method by that name, or every Linear and ungrouped Conv2d.
    """
    name = type(config).__name__.removesuffix("Config").lower()
    ranked = name in ("lora", "loha", "lokr", "vera")
    kinds = (LINEAR,) if name in _LINEAR_ONLY else (LINEAR, CONVOLUTION)

    def adapt(model: nn.Module, rank: int | None, _options: Options) -> nn.Module:
        own = deepcopy(config)
        if rank is not None:
            own.r = rank
        if getattr(own, "target_modules", "none to set") is None:
            own.target_modules = _any_of(_default_names(model, kinds, None))
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


_ADAPTED = ("targets", "train_head")


def _method(
    name: str,
    trains: str,
    how: str,
    config: str,
    settings: Callable[[int | None, Options], Settings],
    supported: tuple[str, ...],
    *,
    kinds: tuple[str, ...] = (LINEAR, CONVOLUTION),
    more: tuple[str, ...] = (),
    **facts: Any,
) -> Method:
    """Return the row of an adapter; arguments as in `_adapt`, ``more`` options, and facts of `Method`."""
    adapt = partial(_adapt, config=config, settings=settings, kinds=kinds, supported=supported)
    return Method(name, trains, how, adapt, packages=("peft",), options=(*_ADAPTED, *more), **facts)


_ranked = partial(_method, more=("alpha", "rank_pattern"), rank=4)

METHODS = (
    _ranked(
        "lora",
        "low-rank factors on every Linear and ungrouped Conv2d",
        "peft LoRA, alpha = r",
        "LoraConfig",
        partial(_lora, dora=False),
        _LORA,
        splits="r",
    ),
    _ranked(
        "dora",
        "LoRA's factors and a magnitude per output channel",
        "peft LoRA with use_dora=True",
        "LoraConfig",
        partial(_lora, dora=True),
        _LORA,
        splits="Nr",
    ),
    _ranked(
        "loha",
        "Hadamard products of two low-rank factorisations",
        "peft LoHa, alpha = r",
        "LoHaConfig",
        _lycoris,
        _LYCORIS,
        splits="r",
    ),
    _ranked(
        "lokr",
        "Kronecker products with a low-rank factor",
        "peft LoKr, alpha = r",
        "LoKrConfig",
        _lycoris,
        _LYCORIS,
        splits="r",
    ),
    _method(
        "ia3", "one scale per output channel of every Linear and ungrouped Conv2d", "peft IA3", "IA3Config", _ia3, _IA3
    ),
    _method(
        "vera",
        "two scale vectors per Linear around shared frozen factors",
        "peft VeRA",
        "VeraConfig",
        _vera,
        (LINEAR,),
        kinds=(LINEAR,),
        rank=4,
        splits="r",
    ),
)
