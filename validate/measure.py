"""One cell measured on the real step: what to run, as plain data, and the numbers that come out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

from costmodel import subjects
from costmodel.contract import DEFAULT_CLASSES, PHASES, Point
from costmodel.errors import InputError
from costmodel.methods import Options, find
from costmodel.setup import Setup
from costmodel.training import Training


@dataclass(frozen=True)
class CellSpec:
    """A cell by names and numbers, so that it can be sent to another process and written down.

    Attributes:
        model: a name or a factory's address, as `costmodel.subjects.find` takes it.
        method: a name.
        point: N, H, W, S, r; the axes that the cell has.
        classes, inputs, aux: as `costmodel.subjects.find` takes them.
        options: fields of `Options` that are not at their default.
        training: fields of `Training` that are not at their default.
    """

    model: str
    method: str
    point: Mapping[str, int]
    classes: int = DEFAULT_CLASSES
    inputs: str | None = None
    aux: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def setup(self) -> Setup:
        """The cell without its point."""
        subject = subjects.find(self.model, self.classes, self.inputs, self.aux)
        return Setup(subject, find(self.method), Options(**self.options), Training(**self.training))

    @property
    def at(self) -> Point:
        """The point."""
        return Point.of(self.point)

    @property
    def key(self) -> str:
        """One line that says all there is to the cell."""
        return json.dumps(asdict(self), sort_keys=True)


def measure(setup: Setup, point: Point) -> dict[str, int]:
    """Run the real step once under the memory meter and the FLOP counters.

    Returns:
        Every measurable quantity under its name in `costmodel.formula.QUANTITIES`.
    """
    from validate.instruments import FlopMeter, MemoryMeter
    from validate.step import run

    flops, memory = FlopMeter(), MemoryMeter()
    run(setup, point, flops, memory)
    measured = {f"memory.{group}": peak for group, peak in memory.peaks.items()} | {"memory.peak": memory.peak}
    for phase in PHASES:
        measured[f"kind.matmul.{phase}"] = flops.products[phase]
        measured[f"flops.torch.{phase}"] = flops.torch[phase]
        measured[f"flops.paper.{phase}"] = flops.paper[phase]
    return measured


def measure_for(spec: CellSpec, answer: Any, threads: int) -> None:
    """Measure a cell and send ``{"measured": ..., "seconds": ...}``, ``{"refused": ...}`` or ``{"failed": ...}``."""
    import torch

    torch.set_num_threads(threads)
    start = perf_counter()
    try:
        answer.send({"measured": measure(spec.setup, spec.at), "seconds": round(perf_counter() - start, 2)})
    except InputError as error:
        answer.send({"refused": str(error)})
    except Exception as error:  # whatever stops a real step is a result
        answer.send({"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"})
