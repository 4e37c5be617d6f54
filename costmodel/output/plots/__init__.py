"""Pictures of what the questions answer: plain data in, a matplotlib `Figure` out; no display, no pyplot, no torch."""

from __future__ import annotations

from costmodel.output.plots.areas import timeline
from costmodel.output.plots.bars import flops_bars, memory_bars
from costmodel.output.plots.files import save
from costmodel.output.plots.lines import curves
from costmodel.output.plots.scatter import frontier

__all__ = ["curves", "flops_bars", "frontier", "memory_bars", "save", "timeline"]
