"""The counting conventions, each with what counts one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from costmodel.rules import arithmetic, paper, torch_counter
from costmodel.rules.call import Call, Extent

Counter = Callable[[Call], Extent]

COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {"arithmetic": arithmetic.total, "torch": torch_counter.count, "paper": paper.count}
)
"""FLOPs of a call by convention, in the order of `costmodel.contract.CONVENTIONS`."""
