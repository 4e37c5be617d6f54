"""Ranges of integers as typed: ``8``, ``1:64``, ``96:256:32``, ``1,2,4,8:64:8``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from costmodel.cell.axes import SIZES
from costmodel.errors import InputError
from costmodel.options import LARGEST, positive

MOST = 10**7
"""Values that a range may have: with a few such axes a sweep would not end."""


def read(option: str, given: object) -> Sequence[int]:
    """Return the values of a number, of several, or of a range as text, each once and in their order.

    Raises:
        InputError: where there are none, or one is no positive integer.
    """
    if isinstance(given, str):
        return parse(option, given)
    values = given if isinstance(given, range) else _several(given)
    if not len(values):
        raise InputError(f"--{option}: no values")
    if isinstance(values, range):
        positive(option, min(values))
        positive(option, max(values))
        return values
    return tuple(dict.fromkeys(positive(option, value) for value in values))


def _several(given: object) -> Sequence[object]:
    """Return the values of a sequence, an array or a series; anything else, bytes and mappings too, is one value."""
    if isinstance(given, (bytes, bytearray, Mapping)):
        return (given,)
    try:
        return tuple(given)  # type: ignore[arg-type]  # what has no parts is a value itself
    except TypeError:
        return (given,)


def stand_in(option: str, values: Sequence[int]) -> int | str:
    """Return what to ask for in the place of a range: its only value, or else a name.

    What is refused then is refused whatever the values are.
    """
    return values[0] if len(values) == 1 else SIZES[option].example


def parse(option: str, text: str) -> Sequence[int]:
    """Read a range: parts separated by commas, each a number, ``first:last`` or ``first:last:step``; ends included.

    Returns:
        The values in the order given, each once.

    Raises:
        InputError: for anything else.
    """
    parts = [_part(option, text, part.strip()) for part in text.split(",")]
    if sum(map(len, parts)) > MOST:
        raise InputError(f"--{option} {text}: more than {MOST} values; give a step, such as 1:{LARGEST}:1000000")
    if len(parts) == 1:
        return parts[0]
    return tuple(dict.fromkeys(value for part in parts for value in part))


def _part(option: str, text: str, part: str) -> range:
    numbers = part.split(":")
    wrong = InputError(
        f"--{option} {text[:40]}: expected positive integers such as 8, 1:64, 96:256:32 (ends included) or 1,2,4"
    )
    if len(numbers) > 3 or not all(number.isascii() and number.isdigit() and len(number) <= 10 for number in numbers):
        raise wrong
    first, last, step = (*map(int, numbers), *(1,) * (len(numbers) == 2)) if len(numbers) > 1 else (int(part),) * 3
    if not (0 < first <= last <= LARGEST and step > 0):
        raise wrong
    return range(first, last + 1, step)
