"""Depth 2 on a CUDA device, where there is one; else a section of one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from validate.report import depth_part
from validate.report.context import Context
from validate.report.document import Block, Prose, literal

DEPTH = "cuda"
COMMAND = depth_part.command(DEPTH)


def measure(context: Context) -> dict[str, Any]:
    """Measure the paper's cells on the device, where there is one."""
    import torch

    if not torch.cuda.is_available():
        return {"device": None}
    return {"device": torch.cuda.get_device_name(), **depth_part.measure(DEPTH, context)}


def blocks(data: Mapping[str, Any]) -> Iterator[Block]:
    """Say what there is."""
    if data["device"] is None:
        yield Prose("Skipped: this machine has no CUDA device.")
    else:
        yield Prose(f"On {literal(data['device'])}.")
        yield from depth_part.blocks(DEPTH, data)
