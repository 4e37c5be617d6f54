"""Named lists of cells to validate."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.errors import unknown
from validate.compare import Comparison, validate_cell

PAPER_MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18")
PAPER_METHODS = ("fft", "bn_head", "lora", "dora", "galore")


@dataclass(frozen=True, slots=True)
class SuiteCell:
    """One cell of a suite, at the paper's point: N=1, 224x224, rank 4, 10 classes."""

    model: str
    method: str

    def run(self) -> Comparison:
        """Run the real step and compare."""
        return validate_cell(self.model, self.method)


SUITES = {"paper": tuple(SuiteCell(model, method) for model in PAPER_MODELS for method in PAPER_METHODS)}


def cells(name: str) -> tuple[SuiteCell, ...]:
    """Return the cells of a suite.

    Raises:
        InputError: for a suite that is not known.
    """
    if name not in SUITES:
        raise unknown("suite", name, SUITES)
    return SUITES[name]
