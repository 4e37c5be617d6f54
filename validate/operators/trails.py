"""What is alive after each operator that may make something."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch

from costmodel.tracing.live import follow, memory_event
from costmodel.tracing.record import OpCall, StorageEvent
from costmodel.tracing.values import only_views

Trail = list[tuple[str, int]]
"""After each operator: its name, and the bytes alive.

Operators that only look at a storage in another way are left out, and those whose results have no elements: they make
nothing, and torch runs others of them on tensors without data.
"""


def trail(calls: Sequence[OpCall], events: Sequence[StorageEvent]) -> Trail:
    """Follow a record."""
    now, done = 0, 0
    found = []
    changes = list(follow(map(memory_event, events)))
    for call in calls:
        for before, after in changes[done : call.events]:
            now += (after.nbytes if after else 0) - (before.nbytes if before else 0)
        done = call.events
        if makes(call.name) and any(0 not in ref.shape for ref in call.outputs if ref):
            found.append((call.name, now))
    return found


def made_something(name: str, returned: list[torch.Tensor]) -> bool:
    """Tell whether a call on real tensors is part of a trail."""
    return makes(name) and any(tensor.numel() for tensor in returned)


@cache
def makes(name: str) -> bool:
    """Tell whether an operator may make something: it does more than look at a storage in another way."""
    namespace, packet, overload = name.split(".")
    return not only_views(getattr(getattr(getattr(torch.ops, namespace), packet), overload))
