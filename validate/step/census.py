"""A second memory recorder, written from the contract alone: it counts anew after every operator, and follows nothing.

The first one, `MemoryMeter`, keeps sums that births, moves and deaths change. This one keeps a list of storages that it
does not hold, asks each after every operator whether it is still there, and sorts those that are by what the model and
the optimizer own at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

_MARKS = ("profiler", "prim")


class Census(TorchDispatchMode):
    """Bytes of live storage by group, counted anew after each operator.

    Attributes:
        peaks: the largest count of each group.
        peak: the largest count of all together.
        total: the last count of all together.
        watch: told the name of each operator, and what it returned, after it was counted.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.peaks = dict.fromkeys(("param", "buffer", "grad", "act", "temp", "opt"), 0)
        self.peak = self.total = 0
        self.watch: Callable[[str, list[torch.Tensor]], None] = lambda _name, _returned: None
        self._seen: dict[int, tuple[StorageWeakRef, str, int]] = {}
        self._outside: dict[int, StorageWeakRef] = {}
        self._parameters: list[torch.nn.Parameter] = []
        self._optimizer: torch.optim.Optimizer | None = None
        self._now = "forward"

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The census itself is the dispatch mode."""
        return self

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Be told, before the first step, what the step works on."""
        self._parameters, self._optimizer = list(model.parameters()), optimizer
        self.ignore(batch)
        for group, tensors in (("param", model.parameters()), ("buffer", model.buffers()), ("opt", self._state())):
            for tensor in tensors:
                self._see(tensor, group)

    def ignore(self, tensors: Iterable[torch.Tensor]) -> None:
        """Leave the storages of some tensors out."""
        for tensor in tensors:
            for part in storages(tensor):
                self._outside[part._cdata] = StorageWeakRef(part)

    def phase(self, _step: int, name: str) -> None:
        """Be told that a phase begins: ``forward``, ``backward``, ``optimizer``, ``end``."""
        self._now = name
        if name == "end":
            for tensor in self._state():
                self._see(tensor, "opt", moved=True)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, see what it returned, count."""
        returned = func(*args, **(kwargs or {}))
        if func.namespace in _MARKS:
            return returned
        in_engine = torch._C._current_graph_task_id() != -1
        group = "opt" if self._now == "optimizer" else "temp" if in_engine else "act"
        made = _tensors_in(returned)
        for item in made:
            self._see(item, group)
        self._count()
        self.watch(str(func), made)
        return returned

    def _see(self, tensor: torch.Tensor, group: str, *, moved: bool = False) -> None:
        for storage in storages(tensor):
            key = storage._cdata
            known = self._seen.get(key)
            if known is None or known[0].expired():
                self._seen[key] = StorageWeakRef(storage), group, storage.nbytes()
            else:
                self._seen[key] = known[0], group if moved else known[1], storage.nbytes()

    def _state(self) -> list[torch.Tensor]:
        values = self._optimizer.state.values() if self._optimizer else ()
        return [leaf for state in values for leaf in _tensors_in(list(state.values()))]

    def _count(self) -> None:
        for parameter in self._parameters:
            if parameter.grad is not None:
                self._see(parameter.grad, "grad", moved=True)
        counts = dict.fromkeys(self.peaks, 0)
        gone = []
        for key, (reference, group, nbytes) in self._seen.items():
            if reference.expired():
                gone.append(key)
            elif key not in self._outside or self._outside[key].expired():
                counts[group] += nbytes
        for key in gone:
            del self._seen[key]
        self.total = sum(counts.values())
        self.peak = max(self.peak, self.total)
        self.peaks = {group: max(self.peaks[group], count) for group, count in counts.items()}


def storages(tensor: torch.Tensor) -> list[torch.UntypedStorage]:
    """Return the storages of a tensor: one, or those of a sparse tensor's parts."""
    if tensor.layout == torch.strided:
        return [tensor.untyped_storage()]
    with torch._C._DisableTorchDispatch():
        parts = [tensor._indices(), tensor._values()] if tensor.layout == torch.sparse_coo else []
    return [part.untyped_storage() for part in parts]


def _tensors_in(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in _tensors_in(item)] if isinstance(value, (list, tuple)) else []
