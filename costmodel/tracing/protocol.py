"""The step protocol of the contract: one definition, for the trace on shapes and for the real step alike."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, reduce
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from costmodel.cell.setup import Setup
from costmodel.contract import STEPS, Point
from costmodel.errors import CostModelError, InputError
from costmodel.methods.heads import HEAD_NAMES
from costmodel.methods.optimizers import OPTIMIZERS

Made = TypeVar("Made")


@dataclass(frozen=True)
class Batch:
    """What one micro-batch gives to the step. It is in no memory group.

    Attributes:
        positional, named: tensors to call the model with.
        labels: one for each output tensor, for a loss that needs them.
    """

    positional: tuple[torch.Tensor, ...]
    named: dict[str, torch.Tensor]
    labels: tuple[torch.Tensor, ...] = ()

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All tensors of the batch."""
        return [*self.positional, *self.named.values(), *self.labels]


def adapted_model(
    setup: Setup, point: Point, device: str, seen: Callable[[nn.Module], None] = lambda _: None
) -> nn.Module:
    """Build the model on a device and apply the method to it.

    Args:
        setup: model, method and training.
        point: the sizes.
        device: ``meta`` or ``cpu``.
        seen: is shown the model before the method is applied.

    Raises:
        InputError: when the method, or the model's constructor, refuses.
    """
    try:
        model = uncompiled(setup.subject.build(device, point))
        set_modes(model, setup.training.train_mode)
        make_lazy_parts(model, setup, point, device)
        if setup.training.dtype != "float32":
            model = model.to(getattr(torch, setup.training.dtype))
        if setup.training.checkpoint:
            checkpoint_blocks(model)
        seen(model)
        with torch.device(device):  # adapters too are made without data
            adapted = setup.method.adapt(model, point.r, setup.options)
    except CostModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{setup.subject.name} cannot be prepared for {setup.method.name}: {reason}") from error
    return _expected(adapted, nn.Module, f"method '{setup.method.name}' adapts {setup.subject.name}")


def uncompiled(model: nn.Module) -> nn.Module:
    """Return a module with the originals in the place of what ``torch.compile`` made: an optimizer step is the same."""
    original = getattr(model, "_orig_mod", model)
    for parent in list(original.modules()):
        for name, child in parent.named_children():
            if hasattr(child, "_orig_mod"):
                setattr(parent, name, child._orig_mod)
    return cast(nn.Module, original)


def make_lazy_parts(model: nn.Module, setup: Setup, point: Point, device: str) -> None:
    """Let lazy modules make their parameters, by the forward pass that torch's documentation asks for."""
    if any(is_lazy(parameter) for parameter in (*model.parameters(), *model.buffers())):
        with torch.device(device), torch.no_grad():
            given = batch(setup, point, torch.zeros, model=model)
            model(*given.positional, **given.named)


def set_modes(model: nn.Module, mode: str) -> None:
    """Put a model in train mode as its owner would, before a step.

    Args:
        model: as its builder left it.
        mode: ``train`` for every part of it; ``as-is`` to leave parts in eval mode that were put there while others
            were not.
    """
    before = [(module, module.training) for module in model.modules()]
    trained = any(was for _, was in before)
    if mode == "as-is" and trained and not model.training:
        return  # a model in eval mode of which parts are trained
    model.train()
    if mode == "as-is" and trained:
        for module, was in before:
            module.training &= was


def optimizer_of(model: nn.Module, setup: Setup, point: Point) -> Optimizer:
    """Build the optimizer of an adapted model.

    Raises:
        InputError: when nothing is left to train, or no optimizer can be made of it.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(f"{setup.subject.name} has nothing to train with {setup.method.name}")
    try:
        if setup.method.optimizer:
            made = setup.method.optimizer(model, point.r, setup.options, setup.training)
        else:
            made = OPTIMIZERS[setup.training.optimizer].over(model)
    except CostModelError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"optimizer {setup.optimizer_name} cannot be made for {setup.label}: {reason}") from error
    return _expected(made, Optimizer, f"optimizer {setup.optimizer_name} is made for {setup.label}")


def _expected(made: Any, kind: type[Made], when: str) -> Made:
    """Refuse what a function of somebody else's returned, where it is not what it should return."""
    if not isinstance(made, kind):
        raise InputError(f"{when}: its function returns {type(made).__name__}, expected {kind.__name__}")
    return made


class MakeTensor(Protocol):
    """Makes a tensor of a shape and a dtype."""

    def __call__(self, shape: tuple[int, ...], /, *, dtype: torch.dtype) -> torch.Tensor:
        """Make it."""


def batch(
    setup: Setup, point: Point, make: MakeTensor, labels: Iterable[tuple[int, ...]] = (), *, model: nn.Module
) -> Batch:
    """Make a batch for a point.

    Args:
        setup: whose inputs decide what is in it.
        point: the sizes.
        make: makes a tensor of a shape and a dtype.
        labels: shapes of the labels, see `shapes_of_labels`.
        model: what takes it: pixels have the element type of its parameters where all have one.
    """
    own = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    pixels = str(own.pop()).removeprefix("torch.") if len(own) == 1 else setup.training.dtype
    positional = []
    named = {}
    for spec in setup.subject.inputs.tensors:
        dtype = pixels if spec.dtype == "float32" else spec.dtype
        tensor = make(spec.shape(point), dtype=getattr(torch, dtype))
        if spec.name:
            named[spec.name] = tensor
        else:
            positional.append(tensor)
    return Batch(tuple(positional), named, tuple(make(shape, dtype=torch.int64).zero_() for shape in labels))


def some_tensor(shape: tuple[int, ...], /, *, dtype: torch.dtype) -> torch.Tensor:
    """Random pixels; ones where numbers are tokens, labels or masks: valid for every model."""
    return torch.randn(shape, dtype=dtype) if dtype.is_floating_point else torch.ones(shape, dtype=dtype)


def shapes_of_labels(out: Any, setup: Setup) -> list[tuple[int, ...]]:
    """Return the shape of the class numbers that ``cross_entropy`` wants for each output tensor of a model."""
    shapes = [tuple(_classes_second(prediction, setup).shape) for prediction in _predictions(out)]
    return [(shape[0], *shape[2:]) for shape in shapes]


def _classes_second(prediction: torch.Tensor, setup: Setup) -> torch.Tensor:
    """Show a prediction as ``cross_entropy`` wants it: (N, K, ...); a text model's (N, S, K) as (N * S, K)."""
    if prediction.dim() > 2 and "S" in setup.subject.inputs.axes:
        return prediction.flatten(0, -2)
    return prediction


def _predictions(out: Any) -> list[torch.Tensor]:
    """Return the tensors of a result that a loss can be made of: its floating ones, in dataclasses and objects too.

    Raises:
        InputError: where there is none.
    """
    found = [leaf for leaf in _leaves(out) if leaf.is_floating_point()]
    if not found:
        raise InputError(
            f"the model returns {type(out).__name__} without a floating tensor: expected a tensor, or a tuple, list, "
            "dict or dataclass of them"
        )
    return found


def _leaves(out: Any) -> list[torch.Tensor]:
    leaves = []
    for leaf in tree_leaves(out):
        if isinstance(leaf, torch.Tensor):
            leaves.append(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            leaves += _leaves([getattr(leaf, place.name) for place in fields(leaf)])
    return leaves


def loss_of(out: Any, setup: Setup, labels: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Add up the loss of every output tensor: its sum, or its cross entropy."""
    if setup.training.loss == "sum":
        parts = [leaf.sum() for leaf in _predictions(out)]
    else:
        pairs = zip(_predictions(out), labels, strict=True)
        parts = [functional.cross_entropy(_classes_second(leaf, setup), label) for leaf, label in pairs]
    return reduce(torch.add, parts)


def two_steps(
    model: nn.Module,
    optimizer: Optimizer,
    given: Batch,
    setup: Setup,
    phase: Callable[[int, str], None],
    device: str = "cpu",
) -> None:
    """Run both optimizer steps of the protocol.

    ``out`` and ``loss`` stay alive until they are assigned again, as they would in a user's loop.

    Args:
        model: adapted, in train mode.
        optimizer: of the trainable parameters.
        given: one micro-batch, used for each.
        setup: loss, autocast and the number of micro-batches.
        phase: told before each phase begins: (step, ``forward``, ``backward``, ``optimizer`` or ``end``).
        device: type of the device that the step runs on, whose rules autocast follows; tensors without data stand for
            the CPU's.
    """
    training = setup.training
    for step in range(STEPS):
        for _ in range(training.accumulate):
            phase(step, "forward")
            with _autocast(training.autocast, device):
                out = model(*given.positional, **given.named)
                loss = loss_of(out, setup, given.labels)
            if training.accumulate > 1:
                loss = loss / training.accumulate
            phase(step, "backward")
            loss.backward()
        phase(step, "optimizer")
        optimizer.step()
        phase(step, "end")
        optimizer.zero_grad(set_to_none=True)


def _autocast(dtype: str | None, device: str) -> AbstractContextManager[object]:
    return torch.autocast(device, dtype=getattr(torch, dtype)) if dtype else nullcontext()


def checkpoint_blocks(model: nn.Module) -> None:
    """Let each block drop its activations and compute them again in the backward pass (non-reentrant checkpoint).

    Raises:
        InputError: when the model has no blocks.
    """
    found = list(blocks(model, skip=HEAD_NAMES))
    if not found:
        raise InputError(
            f"--checkpoint: {type(model).__name__} has no blocks: modules listed in a Sequential or ModuleList"
        )
    for block in found:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def blocks(module: nn.Module, skip: Container[str] = ()) -> Iterator[nn.Module]:
    """Yield the top-level blocks under a module: the non-leaf members of its outermost sequences and lists.

    Args:
        module: where to look.
        skip: names of children that are left alone.
    """
    listed = isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))
    for name, child in module.named_children():
        leaf = next(child.children(), None) is None
        if name in skip or leaf:
            continue
        if listed and not isinstance(child, (nn.ModuleList, nn.ModuleDict)):  # these have no forward of their own
            yield child
        else:
            yield from blocks(child)
