"""What adapters of the real peft package share: which layers get one, and how peft is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from costmodel.contract import DEFAULTS
from costmodel.errors import InputError, NotApplicableError
from costmodel.methods.heads import head_name
from costmodel.methods.method import Method, Options

if TYPE_CHECKING:
    from torch import nn

LINEAR = ("Linear",)
LYCORIS = (*LINEAR, "Conv2d", "Conv1d")
"""Layers that LoHa and LoKr, peft's adapters after LyCORIS, know."""

DEFAULT_KINDS = LYCORIS
"""Layers that get an adapter where none are named; others that a method knows, such as Embedding, are to be named."""

Settings = dict[str, Any]


def default_targets(model: nn.Module, kinds: Iterable[str]) -> list[str]:
    """Name the layers that get an adapter: all of some types whose group is one, in module order.

    An attention's ``out_proj`` is left out: torch's fused attention reads its weight and never calls it.

    Args:
        model: the model to adapt.
        kinds: layer types that the method supports.
    """
    from torch import nn

    types = tuple(getattr(nn, kind) for kind in kinds)
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, types) and getattr(module, "groups", 1) == 1 and name.rpartition(".")[2] != "out_proj"
    ]


def _adapt(
    model: nn.Module,
    rank: int | None,
    options: Options,
    *,
    config: str,
    settings: Callable[[int | None, Options], Settings],
    supported: tuple[str, ...],
) -> nn.Module:
    """Wrap the model with peft: alpha = r unless told otherwise, dropout 0, no bias.

    Args:
        model: what to adapt.
        rank: the method's rank.
        options: what it was told beside.
        config: name of peft's configuration class.
        settings: its arguments, by rank and options.
        supported: layer types that it knows; those among `DEFAULT_KINDS` get one unless ``--targets`` says which do.
    """
    from costmodel.compat import careful_imports

    with careful_imports():
        import peft

    chosen = settings(rank, options)
    head = head_name(model, "--train-head") if options.train_head else None
    if head:
        chosen["modules_to_save"] = [head]
    if options.targets is None:
        names = default_names(model, tuple(kind for kind in supported if kind in DEFAULT_KINDS), head)
    else:
        names = _matching(model, options.targets, supported)
    for pattern in dict(options.rank_pattern):
        if not any(re.match(rf"(.*\.)?({pattern})$", name) for name in names):  # peft's own rule
            raise InputError(f"--rank-pattern {pattern}: matches none of the targets, such as '{names[-1]}'")
    chosen["target_modules"] = any_of(names)
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


def default_names(model: nn.Module, kinds: tuple[str, ...], head: str | None) -> list[str]:
    """Name the default targets, outside the head if that is trained in full.

    Raises:
        NotApplicableError: when there are none.
    """
    names = [name for name in default_targets(model, kinds) if not head or name.split(".")[0] != head]
    if not names:
        raise NotApplicableError(f"{type(model).__name__} has no layer to adapt: expected {' or '.join(kinds)}")
    return names


def any_of(names: list[str]) -> str:
    """Return the regular expression that matches these names and no other."""
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
            adapted: nn.Module = peft.get_peft_model(model, config)
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


def lycoris(rank: int | None, options: Options) -> Settings:
    """Return the arguments that the configurations of LoHa and LoKr take alike."""
    return {"r": rank, "alpha": options.alpha or rank, "rank_pattern": dict(options.rank_pattern)}


def adapter(
    name: str,
    trains: str,
    how: str,
    config: str,
    settings: Callable[[int | None, Options], Settings],
    supported: tuple[str, ...],
    *,
    more: tuple[str, ...] = (),
    **facts: Any,
) -> Method:
    """Return the method of an adapter; arguments as in `_adapt`, ``more`` options, and facts of `Method`."""
    adapt = partial(_adapt, config=config, settings=settings, supported=supported)
    return Method(name, trains, how, adapt, packages=("peft",), options=("targets", "train_head", *more), **facts)


low_rank = partial(adapter, more=("alpha", "rank_pattern"), rank=DEFAULTS["r"], splits="r")
"""The same for low-rank factors, whose rank, scaling and ranks of single layers can be told."""
