"""costmodel: exact closed-form cost of one fine-tuning step.

>>> import costmodel
>>> costmodel.estimate("mobilenet_v2", method="lora", rank=4).memory["peak"]
89222312
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import costmodel.start  # noqa: F401  # first: it minds Ctrl-C while the others are imported

# isort: split
from costmodel.api import compare, estimate, layers, peak, size, sweep, trace
from costmodel.cell.training import Training
from costmodel.errors import CostModelError, InputError, LiftError, TraceError
from costmodel.methods import Method, Options
from costmodel.questions.estimate import Estimate
from costmodel.questions.names import methods, models

if TYPE_CHECKING:
    from validate.api import validate

__version__ = "0.1.0"

__all__ = [
    "CostModelError",
    "Estimate",
    "InputError",
    "LiftError",
    "Method",
    "Options",
    "TraceError",
    "Training",
    "__version__",
    "compare",
    "estimate",
    "layers",
    "methods",
    "models",
    "peak",
    "size",
    "sweep",
    "trace",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import `validate` when it is asked for: it runs the real step, so it is the validator's, above all of this."""
    if name != "validate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("validate.api").validate
