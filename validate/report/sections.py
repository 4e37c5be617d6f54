"""The sections that are measured, as a table: to add one, write its two functions and add its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from validate.report import depth_part, device_part, kernels_part, numbers
from validate.report.context import Context
from validate.report.document import Block

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report that is measured.

    Attributes:
        name: as typed, and the name of its part of the journal.
        title: its heading.
        command: what measures the same on the command line.
        measure: returns plain data, which JSON can hold.
        render: makes blocks of it; ``None`` for data that other parts show.
    """

    name: str
    title: str
    command: str
    measure: Callable[[Context], dict[str, Any]]
    render: Callable[[Data], Iterable[Block]] | None


def _depth(name: str, title: str) -> Section:
    return Section(
        name, title, depth_part.command(name), partial(depth_part.measure, name), partial(depth_part.blocks, name)
    )


SECTIONS = {
    section.name: section
    for section in (
        Section("claims", "Claims and figures", "costmodel report --section claims", numbers.measure, None),
        Section(
            "kernels", "Which count the clock obeys", kernels_part.COMMAND, kernels_part.measure, kernels_part.blocks
        ),
        _depth("allocator", "Depth 2: what the allocator gives out"),
        _depth("process", "Depth 3: the process"),
        _depth("time", "Depth 4: time"),
        Section("device", "On a GPU", device_part.COMMAND, device_part.measure, device_part.blocks),
    )
}
