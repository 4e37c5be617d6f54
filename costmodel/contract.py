"""The words of the contract: phases, conventions, kinds, memory groups and the point of a cell.

Everything else in the package speaks in these terms. Nothing here imports anything but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PHASE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "forward": "forward",
        "backward": "backward",
        "optimizer_first": "optimizer, step 0",
        "optimizer": "optimizer, later",
    }
)
"""Phases of the step protocol, as people read them in tables and pictures."""

PHASES = tuple(PHASE_LABELS)
"""Their names. ``optimizer_first`` is step 0 (GaLore's SVD), ``optimizer`` a later step."""


FIRST: Mapping[str, str] = MappingProxyType({"forward": "forward_first", "backward": "backward_first"})
"""Names of step 0's passes, which are told only where they are others than a later step's."""


def phase_of(step: int, phase: str) -> str:
    """Return the phase that a part of a step is.

    Args:
        step: 0 or 1, the optimizer step.
        phase: one of `STEP_PHASES`.

    Returns:
        One of `PHASES`, or of step 0's own passes.
    """
    if phase == "optimizer":
        return "optimizer_first" if step == 0 else "optimizer"
    return phase if step else FIRST[phase]


STEP_PHASES = ("forward", "backward", "optimizer")
"""The phases of a step after the first one."""

CONVENTIONS = ("arithmetic", "torch", "paper")
"""Ways to count FLOPs; see ``docs/conventions.md``."""

KINDS = ("matmul", "svd", "other")
"""Parts of the ``arithmetic`` convention."""

GROUPS = ("param", "buffer", "grad", "act", "temp", "opt")
"""Memory groups, named as torch's MemTracker assigns them; see ``docs/memory-groups.md``."""

AXES = ("N", "H", "W", "S", "r")
"""Base symbols of every formula: batch, height, width, sequence length, rank."""

SIDES = ("H", "W", "S")
"""The axes along which an input extends: pixels or tokens."""

DEFAULTS: Mapping[str, int] = MappingProxyType({"N": 1, "H": 224, "W": 224, "S": 128, "r": 4})
"""Of each axis, where neither the caller nor the model says one."""

STEPS = 2
"""Optimizer steps of the protocol; memory peaks are taken over both."""

UPDATE_GAP = 200
"""GaLore's projection refresh interval ``T`` in optimizer steps."""

DEFAULT_CLASSES = 10

Band = tuple[int, int | None]
"""Smallest and largest rank, the latter ``None`` where there is no largest."""


@dataclass(frozen=True, slots=True)
class Point:
    """One integer point of a cell: batch ``N``, height ``H``, width ``W`` (pixels), rank ``r``, length ``S`` (tokens).

    An axis that the cell does not have is ``None``: the rank of a method without one, the sides of a text model.
    """

    N: int = DEFAULTS["N"]
    H: int | None = DEFAULTS["H"]
    W: int | None = DEFAULTS["W"]
    r: int | None = DEFAULTS["r"]
    S: int | None = None

    @staticmethod
    def of(values: Mapping[str, int]) -> Point:
        """Return the point with these axes; the others are ``None``."""
        return Point(values["N"], values.get("H"), values.get("W"), values.get("r"), values.get("S"))

    def values(self) -> dict[str, int]:
        """Return the axes that have a value, by name."""
        return {axis: value for axis in AXES if (value := getattr(self, axis)) is not None}
