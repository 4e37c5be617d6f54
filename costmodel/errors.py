"""What can go wrong, said in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class CostModelError(Exception):
    """Base of every error that this package raises on purpose. Its text is one line."""


class InputError(CostModelError, ValueError):
    """The caller asked for something that cannot be: names the value and what would be accepted."""


class NotApplicableError(InputError):
    """A method does not apply to a model: it has no head, or no layer that gets an adapter."""


class TraceError(CostModelError, RuntimeError):
    """A step could not be traced: names the operator or the line that stopped it."""


class LiftError(CostModelError, RuntimeError):
    """Traces at two points cannot be joined into one closed form: names the first difference."""


def shown(value: object, most: int = 40) -> str:
    """Write a value in one line, cut off where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[:most]}..."


MOST_LISTED = 150
"""Names that an error lists at most."""


def unknown(kind: str, value: str, accepted: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list: the nearest names, or the list where none is near."""
    names = sorted(accepted)
    listed = ", ".join(names[:MOST_LISTED]) + (f" and {len(names) - MOST_LISTED} more" * (len(names) > MOST_LISTED))
    return InputError(f"unknown {kind} '{value}': {_near(value, names) or f'accepted: {listed}'}")


def unknown_of_few(kind: str, value: object, accepted: Iterable[str]) -> InputError:
    """Build the error for a name that is none of a few: the nearest ones, and all in their own order."""
    names = list(accepted)
    word = shown(value)
    said = (_near(word, names), f"accepted: {', '.join(names)}")
    return InputError(f"unknown {kind} '{word}': {' '.join(filter(None, said))}")


def _near(value: str, names: Sequence[str]) -> str:
    """Ask for the nearest names; empty where none is near."""
    from difflib import get_close_matches  # only a mistake pays for it

    near = get_close_matches(value, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else ""
