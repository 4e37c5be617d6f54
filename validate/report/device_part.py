"""Whether there is a CUDA device, as a section of one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from validate.report.context import Context
from validate.report.document import Block, Prose

COMMAND = "costmodel validate --suite paper --depth allocator"


def measure(_: Context) -> dict[str, Any]:
    """Look for a device."""
    import torch

    return {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else None}


def blocks(data: Mapping[str, Any]) -> Iterator[Block]:
    """Say what there is."""
    if data["device"] is None:
        yield Prose("Skipped: this machine has no CUDA device.")
    else:
        yield Prose(f"{data['device']} is there, and was not used: every number of this report is measured on the CPU.")
