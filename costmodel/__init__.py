"""costmodel: exact closed-form cost of one fine-tuning step.

>>> import costmodel
>>> costmodel.estimate("mobilenet_v2", method="lora", rank=4).memory["peak"]
89222312
"""

from __future__ import annotations

import costmodel.start  # noqa: F401  # first: it minds Ctrl-C while the others are imported

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING, Any

from costmodel.questions.names import methods, models  # now: a folder has the name of the first

if TYPE_CHECKING:
    from costmodel import rules as rules
    from costmodel.api import compare, estimate, formula, layers, peak, size, sweep, trace
    from costmodel.cell.rehearsal import Rehearsal
    from costmodel.cell.training import Training
    from costmodel.errors import CostModelError, InputError, LiftError, TraceError
    from costmodel.methods import Method, Options
    from costmodel.questions.estimate import Estimate
    from validate.api import validate

__version__ = "0.1.0"

__all__ = [
    "CostModelError",
    "Estimate",
    "InputError",
    "LiftError",
    "Method",
    "Options",
    "Rehearsal",
    "TraceError",
    "Training",
    "__version__",
    "compare",
    "estimate",
    "formula",
    "layers",
    "methods",
    "models",
    "peak",
    "size",
    "sweep",
    "trace",
    "validate",
]


_PLACES = {
    **dict.fromkeys(("compare", "estimate", "formula", "layers", "peak", "size", "sweep", "trace"), "costmodel.api"),
    **dict.fromkeys(("CostModelError", "InputError", "LiftError", "TraceError"), "costmodel.errors"),
    **dict.fromkeys(("Method", "Options"), "costmodel.methods"),
    "Estimate": "costmodel.questions.estimate",
    "Rehearsal": "costmodel.cell.rehearsal",
    "Training": "costmodel.cell.training",
    "validate": "validate.api",
}
"""Where the others are. `validate` runs the real step, so it is the validator's, above all of this."""


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: a command needs a part of it, and importing is most of a short answer."""
    if name == "rules":
        return import_module("costmodel.rules")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
