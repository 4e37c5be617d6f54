"""Checksums of what is kept in files: one changed digit would be another number, and nobody would see it."""

from __future__ import annotations

import json
from typing import Any
from zlib import crc32


def canonical(data: Any) -> bytes:
    """Return plain data as the one JSON text that does not depend on the order of keys."""
    return json.dumps(data, sort_keys=True).encode()


def checksum(text: bytes) -> str:
    """Return the CRC-32 of a text as 8 hexadecimal digits: against accidents, not against who changes it too."""
    return f"{crc32(text):08x}"
