"""A cell by names and numbers: what suites list, processes are sent, and journals are keyed by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from costmodel.cell import subjects
from costmodel.cell.setup import Setup
from costmodel.cell.subjects import ModelOptions
from costmodel.cell.training import Training
from costmodel.contract import DEFAULT_CLASSES, Point
from costmodel.methods import Options, find

OPERATORS = "operators"
"""The depth that is meant where none is named."""


@dataclass(frozen=True)
class CellSpec:
    """A cell by names and numbers, so that it can be sent to another process and written down.

    Attributes:
        model: a name or a factory's address, as `costmodel.cell.subjects.find` takes it.
        method: a name.
        point: N, H, W, S, r; the axes that the cell has.
        classes, inputs, aux: as `costmodel.cell.subjects.find` takes them.
        options: fields of `Options` that are not at their default.
        training: fields of `Training` that are not at their default.
        depth: what it is watched by, a name in `validate.depths.DEPTHS`.
    """

    model: str
    method: str
    point: Mapping[str, int]
    classes: int = DEFAULT_CLASSES
    inputs: str | None = None
    aux: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    depth: str = OPERATORS

    @property
    def told(self) -> ModelOptions:
        """What is said of the model beside its name."""
        return ModelOptions(self.inputs, self.classes, self.aux)

    @property
    def setup(self) -> Setup:
        """The cell without its point."""
        told = self.told
        subject = subjects.find(self.model, told.classes, told.inputs, told.aux)
        return Setup(subject, find(self.method), Options(**self.options), Training(**self.training))

    @property
    def at(self) -> Point:
        """The point."""
        return Point.of(self.point)

    @property
    def key(self) -> str:
        """One line that says all there is to the cell; the depth of old is left out, as it was then."""
        told = asdict(self)
        if self.depth == OPERATORS:
            del told["depth"]
        return json.dumps(told, sort_keys=True)
