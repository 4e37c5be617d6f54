"""A traced step as a user meets it: a `torch.fx.Graph` whose every node leads to its shapes, storages and cost."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.fx import Graph, Node

from costmodel.rules import arithmetic
from costmodel.rules.counters import COUNTERS
from costmodel.tracing.record import OpCall, StepRecord, StorageEvent, TensorRef, tensors

_View = tuple[int, int, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Trace:
    """Both steps of the protocol at one point: operator calls, storage events, and the graph they form.

    Attributes:
        record: the calls and events as recorded, plain data.
    """

    record: StepRecord

    @cached_property
    def graph(self) -> Graph:
        """The ATen graph: placeholders for parameters, buffers and the input, one node for each call, in order.

        ``node.meta`` holds ``step``, ``phase``, ``module``, ``call`` (the `OpCall`), ``shapes`` and ``storages`` of the
        results, and ``events``, the storage events that came with the call.
        """
        return _Builder(self.record).build()

    def cost(self, node: Node) -> dict[str, Any]:
        """Return the FLOPs of one node: ``{"arithmetic": {kind: int}, "torch": int, "paper": int}``.

        ``arithmetic`` is ``None`` for an operator without a rule, empty for one that only moves data.
        """
        call = node.meta.get("call")
        if call is None:
            return {**dict.fromkeys(COUNTERS, 0), "arithmetic": {}}
        counted = {convention: count(call.seen) for convention, count in COUNTERS.items()}
        return {**counted, "arithmetic": arithmetic.count(call.seen)}

    def __str__(self) -> str:
        """Write a line for each call: step, phase, module, operator, shapes of the results."""
        lines = []
        for call in self.record.calls:
            shapes = ", ".join("x".join(map(str, ref.shape)) or "scalar" for ref in tensors(call.outputs))
            lines.append(f"{call.step} {call.phase:9} {call.module:40} {call.name:45} {shapes}")
        return "\n".join(lines)


class _Builder:
    """Connects each tensor argument to the node that last made that view of its storage."""

    def __init__(self, record: StepRecord) -> None:
        self._record = record
        self._graph = Graph()
        self._views: dict[_View, tuple[Node, int | None]] = {}
        self._storages: dict[int, tuple[Node, int | None]] = {}

    def build(self) -> Graph:
        for ref in self._record.setup:
            self._placeholder(ref)
        start = len(self._record.setup)
        for call in self._record.calls:
            self._call(call, self._record.events[start : call.events])
            start = call.events
        self._graph.output(None)
        return self._graph

    def _placeholder(self, ref: TensorRef) -> Node:
        name = self._record.owners.get(ref.storage, "constant")
        node = self._graph.placeholder(name.replace(".", "_"))
        node.meta = {"phase": "setup", "module": name, "shapes": (ref.shape,), "storages": (ref.storage,)}
        self._define(ref, node, None)
        return node

    def _call(self, call: OpCall, events: tuple[StorageEvent, ...]) -> None:
        namespace, packet, overload = call.name.split(".")
        target = getattr(getattr(getattr(torch.ops, namespace), packet), overload)
        args = tuple(self._use(value) for value in call.args)
        kwargs = {name: self._use(value) for name, value in call.kwargs.items()}
        node = self._graph.call_function(target, args, kwargs)
        results = list(tensors(call.outputs))
        node.meta = {
            "step": call.step,
            "phase": call.phase,
            "module": call.module,
            "call": call,
            "shapes": tuple(ref.shape for ref in results),
            "storages": tuple(ref.storage for ref in results),
            "events": events,
        }
        for index, ref in enumerate(call.outputs):
            if ref is not None:
                self._define(ref, node, index if len(call.outputs) > 1 else None)

    def _define(self, ref: TensorRef, node: Node, index: int | None) -> None:
        self._views[_view(ref)] = self._storages[ref.storage] = (node, index)

    def _use(self, value: Any) -> Any:
        if isinstance(value, TensorRef):
            # A view that no operator made (autograd keeps some) is the storage as last written.
            made = self._views.get(_view(value)) or self._storages.get(value.storage)
            if made is None:
                return self._placeholder_late(value)
            node, index = made
            return node if index is None else self._item(value, node, index)
        if isinstance(value, tuple):
            return tuple([self._use(item) for item in value])
        return value

    def _placeholder_late(self, ref: TensorRef) -> Node:
        """The input and constants appear when first used; placeholders stand before the calls all the same."""
        first = next(iter(self._graph.nodes), None)
        with self._graph.inserting_before(first):
            return self._placeholder(ref)

    def _item(self, ref: TensorRef, node: Node, index: int) -> Node:
        item = self._graph.call_function(operator.getitem, (node, index))
        item.meta = {key: node.meta[key] for key in ("step", "phase", "module")} | {
            "shapes": (ref.shape,),
            "storages": (ref.storage,),
        }
        self._define(ref, item, None)
        return item


def _view(ref: TensorRef) -> _View:
    return ref.storage, ref.offset, ref.shape, ref.stride
