"""Bytes and FLOPs as people write them, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from costmodel.errors import InputError

if TYPE_CHECKING:
    from fractions import Fraction

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("FLOPs", "kFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")

BYTE_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
FLOP_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

_AMOUNT = r"(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]*)"


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    index = 0
    while round(abs(value), 2) >= step and index < len(units) - 1:
        value, index = value / step, index + 1
    return f"{value:.0f} {units[0]}" if index == 0 else f"{value:.2f} {units[index]}"


def size(nbytes: int) -> str:
    """Write bytes with a binary unit: ``102.42 MiB``."""
    return _scaled(nbytes, 1024, _BINARY)


def work(flops: int | Fraction, *, at_least: bool = False) -> str:
    """Write FLOPs with a decimal unit: ``1.18 GFLOPs``; ``at least`` where some operators are not counted."""
    return f"{'at least ' if at_least else ''}{_scaled(float(flops), 1000, _DECIMAL)}"


def read_bytes(option: str, text: str) -> int:
    """Read a number of bytes such as ``64MiB``; a fraction of a byte is dropped.

    Raises:
        InputError: for anything else.
    """
    return _read(option, text, BYTE_UNITS, "64MiB or 1.5GB", suffix="")


def read_flops(option: str, text: str) -> int:
    """Read a number of FLOPs such as ``5G``.

    Raises:
        InputError: for anything else.
    """
    return _read(option, text, FLOP_UNITS, "5G or 250M", suffix="FLOPs")


def _read(option: str, text: str, units: dict[str, int], example: str, suffix: str) -> int:
    match = re.fullmatch(_AMOUNT, text.strip().removesuffix(suffix).strip(), re.ASCII)
    folded = {unit.lower(): factor for unit, factor in units.items()}
    factor = folded.get(match[2].lower()) if match else None
    from fractions import Fraction

    amount = int(Fraction(match[1]) * factor) if match and factor else 0
    if amount < 1:
        named = ", ".join(unit for unit in units if unit)
        raise InputError(f"--{option} {text}: expected a positive number with a unit of {named}, such as {example}")
    return amount
