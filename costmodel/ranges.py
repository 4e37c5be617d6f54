"""Ranges of integers as typed: ``8``, ``1:64``, ``96:256:32``, ``1,2,4,8:64:8``."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.errors import InputError
from costmodel.request import LARGEST

MOST = 10**7
"""Values that a range may have: with a few such axes a sweep would not end."""


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
