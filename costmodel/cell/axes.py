"""The axes of a point, and how their values are read."""

from __future__ import annotations

import keyword
from numbers import Integral

from costmodel.errors import InputError

Value = int | str
"""A number, or a name."""

LARGEST = 2**31 - 1
"""Of any size or rank."""


def positive(option: str, raw: object) -> int:
    """Read a positive integer.

    Raises:
        InputError: for anything else.
    """
    value = read(option, raw)
    if isinstance(value, str):
        raise InputError(f"--{option} {raw}: expected a positive integer")
    return value


def read(option: str, raw: object) -> Value:
    """Read what an option was given: a positive integer, or a name.

    Raises:
        InputError: for anything else.
    """
    text = str(raw).strip()
    if not isinstance(raw, bool) and isinstance(raw, (Integral, str)):
        if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and 0 < int(text) <= LARGEST:
            return int(text)
        if isinstance(raw, str) and text.isascii() and text.isidentifier() and not keyword.iskeyword(text):
            return text
    example = {"batch": "N", "rank": "r", "resolution": "S", "height": "H", "width": "W", "length": "S"}.get(option)
    symbolic = f", or a name such as {example} to keep it symbolic" if example else ""
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    limit = f" up to {LARGEST}" if text.isdigit() and len(text) > 9 else ""
    raise InputError(f"--{option} {shown}: expected a positive integer{limit}{symbolic}")
