"""Pictures of what the questions answer: plain data in, a matplotlib `Figure` out; no display, no pyplot, no torch."""

from __future__ import annotations

from costmodel.plots.areas import timeline
from costmodel.plots.bars import flops_bars, memory_bars
from costmodel.plots.files import save
from costmodel.plots.lines import curves
from costmodel.plots.scatter import frontier

__all__ = ["curves", "flops_bars", "frontier", "memory_bars", "save", "timeline"]
