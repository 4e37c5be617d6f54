"""What can go wrong, said in one line each."""

from __future__ import annotations

from collections.abc import Iterable


class CostModelError(Exception):
    """Base of every error that this package raises on purpose. Its text is one line."""


class InputError(CostModelError, ValueError):
    """The caller asked for something that cannot be: names the value and what would be accepted."""


class TraceError(CostModelError, RuntimeError):
    """A step could not be traced: names the operator or the line that stopped it."""


class PathDiffersError(TraceError):
    """A composite operator took a path on meta tensors that it does not take on the CPU."""


class LiftError(CostModelError, RuntimeError):
    """Traces at two points cannot be joined into one closed form: names the first difference."""


def shown(value: object, most: int = 40) -> str:
    """Write a value in one line, cut off where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[:most]}..."


MOST_LISTED = 150
"""Names that an error lists at most."""


def unknown(kind: str, value: str, accepted: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list, nearest names first."""
    from difflib import get_close_matches  # only a mistake pays for it

    names = sorted(accepted)
    near = get_close_matches(value, names, n=3, cutoff=0.5)
    listed = ", ".join(names[:MOST_LISTED]) + (f" and {len(names) - MOST_LISTED} more" * (len(names) > MOST_LISTED))
    hint = f"did you mean {' or '.join(near)}?" if near else f"accepted: {listed}"
    return InputError(f"unknown {kind} '{value}': {hint}")
