"""The allocations that really happen in a step, as ``torch.profiler`` sees them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile


class AllocationMeter:
    """An instrument that adds up what the step asks of torch's CPU allocator and gives back, in order.

    Parameters and buffers are there before it starts and are added; the input batch is in no group and is not.
    """

    def __init__(self) -> None:
        self._profile = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
        self._before = 0

    @property
    def mode(self) -> AbstractContextManager[object]:
        """The profiler is the context."""
        return self._profile

    def attach(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: list[torch.Tensor]) -> None:
        """Count what is there before the step, each storage once."""
        tensors = [*model.parameters(), *model.buffers()]
        self._before = sum({t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}.values())

    def phase(self, step: int, name: str) -> None:
        """Phases do not matter here."""

    def peak(self) -> int:
        """Return the largest sum of live allocations, in bytes."""
        assert self._profile.profiler is not None
        results: Any = self._profile.profiler.kineto_results
        events: list[tuple[int, int]] = []
        pending = list(results.experimental_event_tree())
        while pending:
            event = pending.pop()
            if event.tag == _EventType.Allocation:
                events.append((event.start_time_ns, event.extra_fields.alloc_size))
            pending += event.children
        live = peak = self._before
        for _, nbytes in sorted(events, key=lambda event: event[0]):
            live += nbytes
            peak = max(peak, live)
        return peak
