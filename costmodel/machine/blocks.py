"""What a step takes of CUDA's caching allocator: every live storage in a block of its own, rounded up."""

from __future__ import annotations

from dataclasses import replace

from costmodel.algebra.formula import PEAK
from costmodel.tracing.pointwise import add_up
from costmodel.tracing.record import StepRecord

BLOCK = 512
"""Bytes that the allocator rounds every request up to (``kMinBlockSize`` in ``CUDACachingAllocator.cpp``)."""


def blocks_peak(record: StepRecord) -> int:
    """Return the largest sum of the blocks of live storages and of the input batch, in bytes.

    Args:
        record: both steps at one point.
    """
    events = tuple(event._replace(nbytes=rounded(event.nbytes)) for event in record.events)
    return add_up(replace(record, events=events))[PEAK] + sum(map(rounded, record.input_sizes))


def rounded(nbytes: int) -> int:
    """Return the size of the block for a request; for nothing there is none."""
    return -(-nbytes // BLOCK) * BLOCK
