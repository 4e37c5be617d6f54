"""What a traced step is made of: operator calls in order, and the storage events between them. Plain data, no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from costmodel.rules.aten import argument
from costmodel.rules.call import Call, Tensor

BIRTH, DEATH, REGROUP = "birth", "death", "regroup"


class TensorRef(NamedTuple):
    """A tensor as an operator saw it: which storage, and the view of it.

    ``shape`` and ``stride`` are in elements, ``offset`` too; ``dtype`` is torch's name without ``torch.``.
    """

    storage: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: str
    requires_grad: bool


class StorageEvent(NamedTuple):
    """One change of the live storages.

    ``kind`` is ``birth`` (``nbytes`` and ``group`` say what was made), ``death``, or ``regroup`` (now in ``group``).
    """

    kind: str
    storage: int
    nbytes: int
    group: str


@dataclass(frozen=True, slots=True)
class OpCall:
    """One dispatched ATen operator.

    Attributes:
        name: operator with overload, ``aten.convolution.default``.
        step: 0 or 1, the optimizer step of the protocol.
        phase: ``forward``, ``backward`` or ``optimizer``.
        module: path of the module whose forward made this call, or whose forward call this is the gradient of.
        args, kwargs: as dispatched, tensors replaced by `TensorRef`.
        outputs: the tensors returned, in order; ``None`` where a gradient was not asked for.
        events: number of storage events up to and with this operator; memory is sampled here.
    """

    name: str
    step: int
    phase: str
    module: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[TensorRef | None, ...]
    events: int

    @property
    def packet(self) -> str:
        """The operator without overload: ``convolution``; with its namespace, ``mylib::op``, where that is not ATen."""
        namespace, packet, *_ = self.name.split(".")
        return packet if namespace == "aten" else f"{namespace}::{packet}"

    def arg(self, name: str) -> Any:
        """Return an argument by its name in the operator's schema, or its default where the call leaves it out."""
        return argument(self.packet, name, self.args, self.kwargs)

    @property
    def seen(self) -> Call:
        """The call as the cost rules see it, with the integers it was traced at."""
        kwargs = {name: _shown(value) for name, value in self.kwargs.items()}
        return Call(self.packet, _shown(self.args), kwargs, _shown(self.outputs))


def _shown(value: Any) -> Any:
    if isinstance(value, TensorRef):
        return Tensor(value.shape, value.requires_grad)
    if isinstance(value, tuple):
        return tuple([_shown(item) for item in value])
    return value


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Both steps of the protocol as recorded at one point.

    Attributes:
        base: values of the base symbols N, H, W, r at which the step was traced.
        calls: operator calls in order.
        events: storage events in order; the first ``setup`` of them are parameters and buffers.
        owners: storage number to name, for parameters, buffers and the input.
        input_sizes: bytes of each tensor of the input batch, which is in no group.
        lookups: for each embedding of known numbers, rows of the table and the largest number.
        modules: path to class name of each module, parents before children, in the model's own order.
        found: by class, how many modules the caller left in ``eval`` mode, how many parameters it had ``frozen``, and
            how many layers were ``adapted``.
    """

    base: dict[str, int]
    calls: tuple[OpCall, ...]
    events: tuple[StorageEvent, ...]
    setup: tuple[TensorRef, ...]
    owners: dict[int, str] = field(repr=False)
    input_sizes: tuple[int, ...]
    lookups: tuple[tuple[int, int], ...] = ()
    modules: dict[str, str] = field(default_factory=dict, repr=False)
    found: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)


def tensors(value: Any) -> Iterator[TensorRef]:
    """Yield every tensor in (possibly nested) operator arguments, in order."""
    if isinstance(value, TensorRef):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
