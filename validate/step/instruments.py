"""Instruments for a real step: a memory recorder that keeps nothing alive, FLOP counters, and torch's MemTracker."""

from __future__ import annotations

import weakref
from collections import Counter
from contextlib import AbstractContextManager
from functools import cache, partial
from math import prod
from typing import Any

import torch
from torch.distributed._tools.mem_tracker import MemTracker, _MemRefType
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

GROUPS = ("param", "buffer", "grad", "act", "temp", "opt")
ROUNDING = 512
"""Bytes that CUDA's caching allocator rounds every block up to (``kMinBlockSize`` in ``CUDACachingAllocator.cpp``)."""


class MemoryMeter(TorchDispatchMode):
    """Bytes of live storage by group, sampled after each dispatched operator. Holds weak references only."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.peaks = dict.fromkeys(GROUPS, 0)
        self.peak = 0
        self._now = dict.fromkeys(GROUPS, 0)
        self._group: dict[int, str] = {}
        self._alive: dict[int, tuple[weakref.ref[torch.UntypedStorage], int]] = {}
        self._ignored: set[int] = set()
        self._optimizer: weakref.ref[torch.optim.Optimizer] | None = None
        self._stepping = False

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The meter itself is the dispatch mode."""
        return self

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Count parameters and buffers, follow gradients, and leave the input batch out."""
        for parameter in model.parameters():
            self._count(parameter, "param")
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(lambda p: self._move(p.grad, "grad"))
        for buffer in model.buffers():
            self._count(buffer, "buffer")
        self._ignored.update(tensor.untyped_storage()._cdata for tensor in batch)
        self._optimizer = weakref.ref(optimizer)
        for tensor in _state(optimizer):  # some optimizers make their state when they are made
            self._count(tensor, "opt")

    def phase(self, step: int, name: str) -> None:
        """Optimizer state belongs to ``opt`` once the optimizer has stepped."""
        optimizer = self._optimizer() if self._optimizer else None
        if name == "end" and optimizer:
            for tensor in _state(optimizer):
                self._move(tensor, "opt")
        self._stepping = name == "optimizer"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, count what it made, sample."""
        result = func(*args, **(kwargs or {}))
        in_backward = torch._C._current_graph_task_id() != -1
        group = "opt" if self._stepping else "temp" if in_backward else "act"
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf, group)
        for name, now in self._now.items():
            self.peaks[name] = max(self.peaks[name], now)
        self.peak = max(self.peak, sum(self._now.values()))
        return result

    def _count(self, tensor: torch.Tensor, group: str) -> None:
        if tensor.layout is torch.sparse_coo:
            for part in _parts(tensor):
                self._count(part, group)
            return
        storage = tensor.untyped_storage()
        key, size = storage._cdata, self._size(storage)
        if key in self._ignored:
            return
        known = self._alive.get(key)
        if known is None:
            self._group[key] = group
            self._alive[key] = (weakref.ref(storage, partial(self._forget, key)), size)
            self._now[group] += size
        elif known[1] != size:
            self._now[self._group[key]] += size - known[1]
            self._alive[key] = (known[0], size)

    def _size(self, storage: torch.UntypedStorage) -> int:
        return storage.nbytes()

    def _move(self, tensor: torch.Tensor | None, group: str) -> None:
        if tensor is None:
            return
        if tensor.layout is torch.sparse_coo:
            for part in _parts(tensor):
                self._move(part, group)
            return
        key = tensor.untyped_storage()._cdata
        size = self._alive[key][1]
        self._now[self._group[key]] -= size
        self._now[group] += size
        self._group[key] = group

    def _forget(self, key: int, _: weakref.ref[torch.UntypedStorage]) -> None:
        self._now[self._group.pop(key)] -= self._alive.pop(key)[1]


def _parts(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what holds the elements of a sparse tensor, without an operator that a meter would see."""
    with torch._C._DisableTorchDispatch():
        return tensor._indices(), tensor._values()


class RoundedMeter(MemoryMeter):
    """The memory recorder, with every storage as large as its block on CUDA, and with the input batch."""

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Count what is there before the step."""
        super().attach(model, optimizer, batch)
        self._ignored.clear()
        for tensor in batch:
            self._count(tensor, "act")

    def _size(self, storage: torch.UntypedStorage) -> int:
        return -(-storage.nbytes() // ROUNDING) * ROUNDING


def _state(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    leaves = tree_leaves([list(state.values()) for state in optimizer.state.values()])
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


class FlopMeter(TorchDispatchMode):
    """FLOPs of each phase from real tensors: torch's registry, the paper's rules, and the plain matrix products."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.torch: Counter[str] = Counter()
        self.paper: Counter[str] = Counter()
        self.products: Counter[str] = Counter()
        self._phase = "forward"

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The meter itself is the dispatch mode."""
        return self

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Nothing to prepare."""

    def phase(self, step: int, name: str) -> None:
        """Count the passes and the optimizer of each step apart."""
        if name == "optimizer":
            self._phase = "optimizer_first" if step == 0 else "optimizer"
        else:
            self._phase = f"{name}_first" if step == 0 else name

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator and count it."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        packet = func._overloadpacket
        if packet in flop_registry:
            self.torch[self._phase] += flop_registry[packet](*args, **kwargs, out_val=result)
        name = packet.__name__
        self.paper[self._phase] += paper_flops(name, args, result)
        self.products[self._phase] += product_flops(name, args, result)
        return result


def product_flops(name: str, args: Any, result: Any) -> int:
    """Two FLOPs for each multiply-accumulate of a matrix product or convolution, its groups divided out everywhere."""
    given = partial(_argument, name, args)
    if name == "mm":
        return 2 * _elements(result) * _sides(given("self"))[1]
    if name == "addmm":
        return 2 * _elements(result) * _sides(given("mat1"))[1]
    if name in ("mv", "dot"):
        return 2 * _elements(given("self"))
    if name == "bmm":
        return 2 * _elements(result) * _sides(given("self"))[2]
    if name == "baddbmm":
        return 2 * _elements(result) * _sides(given("batch1"))[2]
    if name in ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward"):
        # four gates of h from an input and the state, for each input; two products more for each in the backward pass
        hidden, passes = given("hidden_size"), 2 if name.endswith("backward") else 1
        steps, batch, inputs = _sides(given("input"))
        return int(passes * 2 * steps * batch * 4 * hidden * (inputs + hidden))
    if name == "_scaled_dot_product_flash_attention_for_cpu":
        # scores and their product with the values
        query, key, value = map(given, ("query", "key", "value"))
        return 2 * prod(_sides(query)[:3]) * _sides(key)[2] * (_sides(query)[3] + _sides(value)[3])
    if name == "_scaled_dot_product_flash_attention_for_cpu_backward":
        # the scores again, gradients of query, key and value, and the gradient of the weights
        query, key, value = map(given, ("query", "key", "value"))
        return 2 * prod(_sides(query)[:3]) * _sides(key)[2] * (3 * _sides(query)[3] + 2 * _sides(value)[3])
    if name == "convolution":
        slid = given("input") if given("transposed") else result
        return 2 * _elements(slid) * _elements(given("weight")[0])
    if name == "convolution_backward":
        slid = given("input") if given("transposed") else given("grad_output")
        for_input, for_weight, _ = map(bool, given("output_mask"))
        return 2 * _elements(slid) * _elements(given("weight")[0]) * (for_input + for_weight)
    return 0


def paper_flops(name: str, args: Any, result: Any) -> int:
    """The published profiler's rules, written from the table of its rules, on real tensors."""
    given = partial(_argument, name, args)
    if name in ("mm", "addmm"):
        bias = given("self") if name == "addmm" else None
        m, k = _sides(given("mat1" if name == "addmm" else "self"))
        n = _sides(result)[1]
        return 2 * m * k * n - m * n + (_elements(bias) * k if bias is not None else 0)
    if name == "bmm":
        return 2 * _elements(result) * _sides(given("self"))[2]
    if name == "convolution":
        with_bias = _elements(result) if given("bias") is not None else 0
        groups = int(given("groups"))
        channels, kernel = _sides(given("input"))[1], prod(_sides(given("weight"))[2:])
        return 2 * (_elements(result) * (channels // groups) * kernel + with_bias)
    if name == "convolution_backward":
        x, groups = given("input"), int(given("groups"))
        for_x, for_w, _ = map(bool, given("output_mask"))
        channels, kernel = _sides(x)[1], prod(_sides(given("weight"))[2:])
        macs = _elements(given("grad_output")) * (channels // groups) * kernel
        for_input = 2 * (macs + _elements(x))
        for_weight = 2 * (macs * groups + channels * (channels // groups) * kernel)
        return for_input * for_x + for_weight * for_w
    if name in ("add", "add_"):
        return 2 * _elements(given("self"))
    if name in ("mul", "mul_"):
        return _elements(result)
    if name == "native_batch_norm":
        n, c = _elements(given("input")), _sides(given("input"))[1]
        return 6 * n + 2 * c + n * (_trained(given("weight")) + _trained(given("bias")))
    if name == "native_batch_norm_backward":
        n, c = _elements(given("grad_out")), _sides(given("grad_out"))[1]
        return 4 * n + c + (n + c) * _trained(given("weight")) + 2 * n * _trained(given("running_mean"))
    return 0


def _argument(packet: str, args: Any, name: str) -> Any:
    """Return a positional argument of an ATen operator by its name in torch's own schema."""
    return args[_places(packet)[name]]


@cache
def _places(packet: str) -> dict[str, int]:
    operator = getattr(torch.ops.aten, packet)
    schema = getattr(operator, operator.overloads()[0])._schema
    return {argument.name: place for place, argument in enumerate(schema.arguments)}


def _elements(tensor: torch.Tensor) -> int:
    return tensor.numel()


def _sides(tensor: torch.Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _trained(tensor: torch.Tensor | None) -> bool:
    return tensor is not None and tensor.requires_grad


_REFERENCES = dict(
    zip(
        GROUPS,
        (_MemRefType.PARAM, _MemRefType.BUFFER, _MemRefType.GRAD, _MemRefType.ACT, _MemRefType.TEMP, _MemRefType.OPT),
        strict=True,
    )
)
"""MemTracker's name of each group."""


class SecondOpinion(MemTracker):
    """torch's own MemTracker, guarded: it hooks trainable parameters only, allows a second step, keeps group peaks."""

    def __init__(self) -> None:
        super().__init__()
        self.peaks = dict.fromkeys(GROUPS, 0)
        self.peak = 0

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The tracker itself is the dispatch mode."""
        return self

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Show the tracker what was made before it."""
        self.track_external(model, optimizer, *batch)  # the batch as "other", which is in no group

    def phase(self, step: int, name: str) -> None:
        """Let the tracker see the root module again in the next forward pass."""
        if name == "forward":
            self.reset_mod_stats()

    def _track_module_params_and_buffers(
        self, module: torch.nn.Module, install_grad_hooks: bool = True
    ) -> tuple[int, int]:
        # MemTracker hooks every parameter, and torch refuses a hook on a frozen one.
        frozen = [p for p in module.parameters(recurse=True) if not p.requires_grad]
        if not install_grad_hooks or not frozen:
            return super()._track_module_params_and_buffers(module, install_grad_hooks)
        for parameter in module.parameters():
            if parameter.requires_grad and self._param_to_grad_hook_handles.get(parameter) is None:
                self._param_to_grad_hook_handles[parameter] = (
                    parameter.register_hook(self._gradient),
                    parameter.register_post_accumulate_grad_hook(lambda p: self._gradient(p.grad)),
                )
        return super()._track_module_params_and_buffers(module, install_grad_hooks=False)

    def _gradient(self, grad: torch.Tensor | None) -> None:
        if grad is not None:
            self._update_and_maybe_create_winfos(grad, _MemRefType.GRAD)

    def _update_peak_stats(self, peak_state: Any) -> None:
        for snapshot in self._curr_mem_snap.values():
            for name, reference in _REFERENCES.items():
                self.peaks[name] = max(self.peaks[name], snapshot[reference])
            self.peak = max(self.peak, snapshot["Total"] - snapshot[_MemRefType.OTH])
        super()._update_peak_stats(peak_state)
