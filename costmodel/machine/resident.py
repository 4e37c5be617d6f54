"""Resident memory of the process that runs a step: tensors, workspaces, the code that is loaded, the allocator.

An estimate, not an integer that must be equal. Its constants were fitted to measured processes by
``benchmarks/process.py``; ``docs/process-memory.md`` has the error on models that they were not fitted to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.machine.workspaces import AllocatorPeak, Host, allocator_peak, primitives
from costmodel.tracing.record import StepRecord
from specs import FOLDER

CONSTANTS = FOLDER / "process.json"
MEBIBYTE = 2**20

FEATURES = ("base", "operator", "primitive", "lapack")
"""What loads code: the step itself, each distinct operator, each distinct oneDNN convolution, whose kernel is compiled
when it is first used, and LAPACK."""


@dataclass(frozen=True)
class ResidentEstimate:
    """Bytes of resident memory above that of an interpreter that has imported torch, at the step's high-water mark.

    Attributes:
        peak: what the step allocates, with the kernel in which it is the most.
        inputs: the input batch.
        code: of kernels and libraries that the step is the first to use.
        controlled: in all, with fragmentation held down (``MALLOC_MMAP_THRESHOLD_=65536``).
        default: in all, with glibc's allocator as it is.
        span: least and most that the default was, of what it is estimated as, in nine of ten measured cells.
        error: median relative error of ``controlled`` and ``default`` where they were measured.
    """

    peak: AllocatorPeak
    inputs: int
    code: int
    controlled: int
    default: int
    span: tuple[float, ...]
    error: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; bytes."""
        return {
            "estimate": True,
            "controlled": self.controlled,
            "default": self.default,
            "default_between": [round(share * self.default) for share in self.span],
            "parts": {
                "tensors": self.peak.tensors,
                "workspaces": self.peak.nbytes - self.peak.tensors,
                "inputs": self.inputs,
                "code": self.code,
            },
            "workspaces": dict(self.peak.workspaces),
            "operator": self.peak.operator,
            "median_error": {"controlled": self.error[0], "default": self.error[1]},
        }


def resident(record: StepRecord, host: Host) -> ResidentEstimate:
    """Estimate the resident memory of a traced step's process.

    Args:
        record: both steps at one point.
        host: where it runs.

    Raises:
        OSError: when the constants that ship with the package are missing.
    """
    known = json.loads(CONSTANTS.read_text(encoding="utf-8"))
    peak, inputs = allocator_peak(record, host), sum(record.input_sizes)
    code = round(sum(known["code"][name] * count for name, count in features(record, host).items()))
    controlled = peak.nbytes + inputs + code
    holes = known["default"]["holes"] * peak.heap
    return ResidentEstimate(
        peak=peak,
        inputs=inputs,
        code=code,
        controlled=controlled,
        default=controlled + round(holes),
        span=tuple(known["span"]),
        error=(known["error"]["controlled"], known["error"]["default"]),
    )


def features(record: StepRecord, host: Host) -> Mapping[str, int]:
    """Count what loads code, by the names of `FEATURES`."""
    names = {call.name for call in record.calls}
    counts = (1, len(names), len(primitives(record, host)), int(any("linalg" in name for name in names)))
    return dict(zip(FEATURES, counts, strict=True))
