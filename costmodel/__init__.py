"""costmodel: exact closed-form cost of one fine-tuning step.

>>> import costmodel
>>> costmodel.estimate("mobilenet_v2", method="lora", rank=4).memory["peak"]
89222312
"""

import costmodel.start  # noqa: F401  # first: it minds Ctrl-C while the others are imported

# isort: split
from costmodel.api import compare, estimate, layers, peak, size, sweep, trace
from costmodel.cell.training import Training
from costmodel.errors import CostModelError, InputError, LiftError, TraceError
from costmodel.methods import Method, Options
from costmodel.questions.estimate import Estimate
from costmodel.questions.names import methods, models

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
]
