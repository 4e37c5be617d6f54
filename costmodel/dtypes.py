"""Element types, by torch's names without ``torch.``: the bytes that an element takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from costmodel.errors import TraceError

ITEMSIZE: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("bool", "int8", "uint8"), 1),
        **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"), 1),
        **dict.fromkeys(("bfloat16", "float16", "int16", "uint16"), 2),
        **dict.fromkeys(("complex32", "float32", "int32", "uint32"), 4),
        **dict.fromkeys(("complex64", "float64", "int64", "uint64"), 8),
        "complex128": 16,
    }
)
"""Bytes of an element of every type whose elements are whole bytes; quantised and packed types are not in it."""


def itemsize(dtype: str) -> int:
    """Return the bytes of an element.

    Raises:
        TraceError: for a type that is not in the table.
    """
    if dtype not in ITEMSIZE:
        raise TraceError(f"a tensor of {dtype}: no size of an element is known, but of {', '.join(sorted(ITEMSIZE))}")
    return ITEMSIZE[dtype]
