"""A dispatch mode that writes down every ATen call and the life of every storage, and keeps no tensor alive."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from typing import Any

import torch
from torch import nn
from torch._C._autograd import _get_sequence_nr
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from costmodel.rules.aten import argument
from costmodel.tracing.fakes import CPU
from costmodel.tracing.memo import ShapeMemo
from costmodel.tracing.questions import Answers, Certain, asks
from costmodel.tracing.record import BIRTH, DEATH, REGROUP, OpCall, StorageEvent, TensorRef, tensors
from costmodel.tracing.values import (
    dense_parts,
    has_values,
    is_real,
    largest_number,
    only_views,
    tensors_of,
    written_by,
)

_NOT_OPERATORS = ("profiler.", "prim.")
"""Namespaces of torch's profiler marks (``Optimizer.step`` emits them) and of questions such as a tensor's device."""


_SPARSE = "aten._sparse_coo_tensor_with_dims_and_tensors.default"
_DEVICE = "prim.device.default"
_name = cache(str)
"""The name of an operator: ``aten.add.Tensor``."""


class _StorageWatch(weakref.ref[torch.UntypedStorage]):
    """A weak reference to a storage that remembers its number, its size, and whether it counts as live memory."""

    __slots__ = ("counted", "nbytes", "serial")

    serial: int
    nbytes: int
    counted: bool


class Recorder(TorchDispatchMode):
    """Records operator calls and storage events while it is entered.

    Groups follow torch's MemTracker: made outside the autograd engine is ``act``, inside it ``temp``, inside
    ``optimizer.step`` ``opt``; a parameter's gradient moves to ``grad`` once it is accumulated, the tensors of
    ``optimizer.state`` to ``opt`` after the step. A storage counts from the moment an operator returns it.

    Args:
        memo: calls the operators.
        answers: answers what a step asks its data.
        trusted: whether the optimizer is known to do the same whatever it reads.
    """

    def __init__(self, memo: ShapeMemo, answers: Answers | None = None, *, trusted: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._memo = memo
        self._answers = answers or Answers({})
        self._certain = Certain()
        self._trusted = trusted
        self.calls: list[OpCall] = []
        self.events: list[StorageEvent] = []
        self.setup: list[TensorRef] = []
        self.owners: dict[int, str] = {}
        self.modules: dict[str, str] = {}
        self.lookups: list[tuple[int, int]] = []
        self.phase = "forward"
        self.step = 0
        self._watches: dict[int, _StorageWatch] = {}
        self._serials = 0
        self._input_serials: set[int] = set()
        self._unknown: set[int] = set()
        self._module_stack: list[str] = [""]
        self._module_of_sequence: dict[int, str] = {}
        self._numbered = _get_sequence_nr()
        self._parameter = ""
        self._dtype_names: dict[torch.dtype, str] = {}
        self._interrupts: list[KeyboardInterrupt] = []
        self._hooks = ExitStack()

    # -- what is watched -------------------------------------------------------------------------------------------

    def watch_model(self, model: nn.Module, state: Iterable[torch.Tensor] = ()) -> None:
        """Register parameters, buffers and optimizer state as live, hook gradients, and follow module calls."""
        states = (("optimizer state", tensor) for tensor in state)
        for group, members in (("param", model.named_parameters()), ("buffer", model.named_buffers()), ("opt", states)):
            for name, tensor in members:
                watch = self._watch(tensor.untyped_storage())
                if not watch.counted:
                    self._birth(watch, group)
                    self.setup.append(self._ref(tensor))
                    self.owners[watch.serial] = _without_adapter_prefix(name)
        for parameter in model.parameters():
            if parameter.requires_grad:
                handle = parameter.register_post_accumulate_grad_hook(self._gradient_ready)
                self._hooks.callback(handle.remove)
        paths = {id(module): _without_adapter_prefix(name) for name, module in model.named_modules()}
        self.modules = {_without_adapter_prefix(name): type(module).__name__ for name, module in model.named_modules()}

        def enter(module: nn.Module, _inputs: Any) -> None:
            self._module_stack.append(paths.get(id(module), self._module_stack[-1]))

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            self._module_stack.pop()

        self._hooks.callback(register_module_forward_pre_hook(enter).remove)
        # Always: a checkpoint stops its recomputation with an exception, in the middle of a module.
        self._hooks.callback(register_module_forward_hook(leave, always_call=True).remove)

    def watch_input(self, batch: Iterable[torch.Tensor]) -> None:
        """Know the input batch, so that a view of it is not taken for a new storage. It is in no group."""
        for tensor in batch:
            serial = self._watch(tensor.untyped_storage()).serial
            self._input_serials.add(serial)
            self.owners[serial] = "input"

    def regroup(self, tensors: Iterable[torch.Tensor], group: str) -> None:
        """Move the storages of ``tensors`` to ``group``."""
        for tensor in tensors:
            for part in dense_parts(tensor):
                serial = self._watch(part.untyped_storage()).serial
                self.events.append(StorageEvent(REGROUP, serial, 0, group))

    def close(self) -> None:
        """Remove every hook."""
        self._hooks.close()

    def _gradient_ready(self, parameter: torch.Tensor) -> None:
        gradient = parameter.grad
        if gradient is not None:
            self.regroup([gradient], "grad")
            owner = self.owners[self._watch(parameter.untyped_storage()).serial]
            for part in dense_parts(gradient):
                self.owners[self._watch(part.untyped_storage()).serial] = owner

    # -- the record ------------------------------------------------------------------------------------------------

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self._interrupts:
            raise self._interrupts.pop()
        name = _name(func)
        kwargs = kwargs or {}
        if name.startswith(_NOT_OPERATORS):
            return CPU if name == _DEVICE and type(args[0]) is FakeTensor else func(*args, **kwargs)
        ref_args = tuple([self._describe(value) for value in args])
        ref_kwargs = {key: self._describe(value) for key, value in kwargs.items()}
        module = self._current_module(ref_args)
        if name == "aten.embedding.default":
            self._look_up(*(argument("embedding", given, args, kwargs) for given in ("weight", "indices")))
        given = [*tensors_of(args), *tensors_of(kwargs.values())]
        known = self._known(given, ref_args, ref_kwargs)
        kind = None if known else asks(name, given)
        if kind:
            result: Any = self._answer(kind, name, module, ref_args)
        elif (known and has_values(func, args, kwargs, given)) or (only_views(func) and all(map(is_real, given))):
            with unset_fake_temporarily():
                result = func(*args, **kwargs)
        else:
            result = self._memo.call(func, args, kwargs, (ref_args, ref_kwargs), given)
            for target in written_by(func, args, kwargs):
                if is_real(target):  # with what only data could tell
                    self._unknown.add(self._watch(target.untyped_storage()).serial)
        if name == _SPARSE:
            self._aliases(result, given)
        outputs: tuple[TensorRef | None, ...] = ()
        if isinstance(result, torch.Tensor):
            outputs = (self._returned(result),)
        elif isinstance(result, (tuple, list)):
            outputs = tuple([self._returned(item) if isinstance(item, torch.Tensor) else None for item in result])
        call = OpCall(name, self.step, self.phase, module, ref_args, ref_kwargs, outputs, len(self.events))
        self.calls.append(call)
        self._certain.note(call)
        return result

    def _answer(self, kind: type, name: str, module: str, refs: tuple[Any, ...]) -> Any:
        """Answer what a step asks its data."""
        if self.phase == "optimizer" and self._trusted:
            return kind(True)
        certain = self._certain.of(refs[0]) if kind is bool else None
        if certain is not None:
            return certain
        return self._answers.answer(kind, f"{name} in '{module}'" if module else name)

    def _known(self, given: list[torch.Tensor], *refs: Any) -> bool:
        """Tell whether all tensors of a call have data, and none was written to by an operator without."""
        return all(map(is_real, given)) and not (
            self._unknown and any(ref.storage in self._unknown for ref in tensors(refs))
        )

    def _look_up(self, table: torch.Tensor, numbers: torch.Tensor) -> None:
        largest = largest_number(numbers)
        if largest is None:
            return
        rows = table.shape[0]
        if largest >= rows:
            raise IndexError(f"number {largest} is looked up in a table of {rows} rows")
        self.lookups.append((rows, largest))

    def _aliases(self, made: torch.Tensor, given: list[torch.Tensor]) -> None:
        """Know the indices of a new sparse tensor, which are those that it was given, with data or without."""
        indices = dense_parts(made)[1].untyped_storage()
        if is_real(given[0]):
            self._input_serials.add(self._watch(indices).serial)

    def _returned(self, tensor: torch.Tensor) -> TensorRef:
        for part in dense_parts(tensor):
            self._returned_part(part.untyped_storage())
        return self._ref(tensor)

    def _returned_part(self, storage: torch.UntypedStorage) -> None:
        watch = self._watch(storage)
        if watch.serial in self._input_serials:
            return
        if watch.counted and storage.nbytes() != watch.nbytes:  # resized in place
            self.events.append(StorageEvent(DEATH, watch.serial, 0, ""))
            watch.counted, watch.nbytes = False, storage.nbytes()
        if not watch.counted:
            self._birth(watch, self._group())

    def _group(self) -> str:
        if self.phase == "optimizer":
            return "opt"
        return "temp" if torch._C._current_graph_task_id() != -1 else "act"

    def _birth(self, watch: _StorageWatch, group: str) -> None:
        watch.counted = True
        self.events.append(StorageEvent(BIRTH, watch.serial, watch.nbytes, group))

    def _watch(self, storage: torch.UntypedStorage) -> _StorageWatch:
        key = storage._cdata
        watch = self._watches.get(key)
        if watch is None:
            watches, events, interrupts = self._watches, self.events, self._interrupts

            def died(watch: weakref.ref[torch.UntypedStorage]) -> None:
                try:
                    assert isinstance(watch, _StorageWatch)
                    del watches[key]
                    if watch.counted:
                        events.append(StorageEvent(DEATH, watch.serial, 0, ""))
                except KeyboardInterrupt as error:  # Python would drop it here
                    interrupts.append(error)

            watch = self._watches[key] = _StorageWatch(storage, died)
            watch.serial, watch.nbytes, watch.counted = self._serials, storage.nbytes(), False
            self._serials += 1
        return watch

    def _ref(self, tensor: torch.Tensor) -> TensorRef:
        dtype = self._dtype_names.get(tensor.dtype)
        if dtype is None:
            dtype = self._dtype_names[tensor.dtype] = str(tensor.dtype).removeprefix("torch.")
        if tensor.layout is not torch.strided:
            serial = self._watch(dense_parts(tensor)[0].untyped_storage()).serial
            return TensorRef(serial, tuple(tensor.shape), (), 0, dtype, tensor.requires_grad)
        return TensorRef(
            self._watch(tensor.untyped_storage()).serial,
            tuple(tensor.shape),
            tensor.stride(),
            int(tensor.storage_offset()),
            dtype,
            tensor.requires_grad,
        )

    def _describe(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self._ref(value)
        if isinstance(value, (list, tuple)):
            return tuple([self._describe(item) for item in value])
        if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
            return str(value)
        return value

    def _current_module(self, args: tuple[Any, ...]) -> str:
        """Name who is responsible for a call: the running module, the forward module of a gradient, or a parameter."""
        if self.phase == "optimizer":
            for value in args:
                if isinstance(value, TensorRef) and value.storage in self.owners:
                    self._parameter = self.owners[value.storage]
            return self._parameter
        module = self._module_stack[-1]
        node = torch._C._current_autograd_node()
        if node is not None:
            recomputed = len(self._module_stack) > 1  # a module runs inside the backward pass: checkpointing
            return module if recomputed else self._module_of_sequence.get(node._sequence_nr(), "")
        # The autograd node of this call has just been numbered; its backward will carry the same number. An operator
        # in place may copy its input first, for the backward pass: two nodes, the outer one numbered first.
        numbered = _get_sequence_nr()
        for number in range(self._numbered, numbered):
            self._module_of_sequence[number] = module
        self._numbered = max(self._numbered, numbered)
        return module


def _without_adapter_prefix(name: str) -> str:
    for prefix in ("base_model.model", "base_model"):
        if name == prefix or name.startswith(f"{prefix}."):
            return name[len(prefix) + 1 :]
    return name
