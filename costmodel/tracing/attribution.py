"""Who is responsible for what in a recorded step: the module of each operator call and of each live storage."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from costmodel.tracing.live import Held, follow, memory_event
from costmodel.tracing.record import OpCall, StepRecord, tensors


class Live(NamedTuple):
    """A storage that is alive at an instant.

    ``nbytes`` is in bytes, ``group`` the group it holds then; ``maker`` is the index of the call that made it, ``None``
    where it was there before the step.
    """

    storage: int
    nbytes: int
    group: str
    maker: int | None


@dataclass(frozen=True)
class Attribution:
    """Modules of the calls and storages of one record.

    Attributes:
        calls: path of the responsible module, for each call of the record; empty for the model itself, the loss, and
            what belongs to no parameter in the optimizer.
        owners: storage to name, for parameters, buffers, gradients, and what the optimizer makes for a parameter.
    """

    calls: tuple[str, ...]
    owners: Mapping[int, str]

    def module(self, live: Live) -> str:
        """Return the module of a storage: whose parameter, buffer, gradient or state it is, or whose call made it.

        A gradient that is not accumulated yet belongs to the call that made it.
        """
        if live.group in ("param", "buffer", "grad", "opt") and live.storage in self.owners:
            return module_of(self.owners[live.storage])
        return "" if live.maker is None else self.calls[live.maker]


def module_of(name: str) -> str:
    """Return the path of the module that has a parameter or buffer: ``features.0`` for ``features.0.weight``."""
    return name.rpartition(".")[0]


def attribute(record: StepRecord) -> Attribution:
    """Find the module of every call.

    The recorder knows the modules of the forward and backward pass. What adds a gradient to another one (autograd's
    accumulation has no forward call) belongs to its parameter. In the optimizer the parameter is found by following
    the data: a call that works on a parameter or its gradient is that parameter's, and so are its results and what is
    made of them. A call on nothing known so far (a step counter) belongs to the next call that has a parameter.
    """
    gradients = {event.storage for event in record.events if event.group == "grad"}
    parameters = {event.storage for event in record.events[: len(record.setup)] if event.group == "param"}
    named = {storage: record.owners[storage] for storage in parameters | gradients}
    modules = [call.module for call in record.calls]
    for index, call in enumerate(record.calls):
        if call.phase == "backward" and not call.module:
            made = [named[ref.storage] for ref in tensors(call.outputs) if ref.storage in gradients]
            modules[index] = module_of(made[0]) if made else ""
    derived: dict[int, str] = {}
    for step in {call.step for call in record.calls}:
        calls = [(i, call) for i, call in enumerate(record.calls) if call.phase == "optimizer" and call.step == step]
        for index, parameter in _of_parameters(calls, named, derived):
            modules[index] = module_of(parameter)
    buffers = {event.storage for event in record.events[: len(record.setup)] if event.group == "buffer"}
    return Attribution(tuple(modules), derived | named | {storage: record.owners[storage] for storage in buffers})


def _of_parameters(
    calls: list[tuple[int, OpCall]], named: Mapping[int, str], derived: dict[int, str]
) -> Iterator[tuple[int, str]]:
    """Yield the parameter of each call of one optimizer step, by its index; an empty name where there is none.

    Args:
        calls: the calls of the step, with their indices.
        named: parameters and gradients by storage.
        derived: what is known to belong to a parameter besides; grows.
    """
    waiting: list[tuple[int, OpCall]] = []
    for index, call in calls:
        seen = [ref.storage for ref in (*tensors(call.args), *tensors(call.kwargs))]
        # A parameter at hand decides; only without one does what was made for a parameter before.
        names = {named[s] for s in seen if s in named} or {derived[s] for s in seen if s in derived}
        if not names:
            waiting.append((index, call))
            continue
        parameter = names.pop() if len(names) == 1 else ""
        if not parameter:  # works on several parameters at once
            yield index, ""
            continue
        for at, one in (*waiting, (index, call)):
            yield at, parameter
            for ref in tensors(one.outputs):
                if ref.storage not in named:
                    derived.setdefault(ref.storage, parameter)
        waiting = []
    for index, _ in waiting:
        yield index, ""


def alive(record: StepRecord, index: int) -> tuple[Live, ...]:
    """Return what is alive at a sampling instant, in order of birth.

    Args:
        record: both steps.
        index: of the call whose end is the instant.
    """
    samples = [call.events for call in record.calls]
    live: dict[int, Held[int]] = {}
    for before, after in follow(map(memory_event, record.events[: samples[index]])):
        if before:
            del live[before.storage]
        if after:
            live[after.storage] = after

    def maker(event: int) -> int | None:
        return bisect_right(samples, event) if event >= len(record.setup) else None

    return tuple(Live(held.storage, held.nbytes, held.group, maker(held.made)) for held in live.values())
