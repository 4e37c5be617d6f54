"""What was measured of this host, kept as a small JSON file in the user's cache: one for each processor and setting."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

from costmodel import kept
from costmodel.files import canonical, checksum
from costmodel.machine.seconds.host import Host

SEAL = "crc32"


def identity(threads: int) -> dict[str, Any]:
    """Say what rates belong to: processor, its instructions, threads, torch's version."""
    import torch

    return {
        "cpu": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": threads,
        "torch": torch.__version__,
    }


def path_of(identity: dict[str, Any]) -> Path:
    """Return the file of a host."""
    return kept.path_of("hosts", hashlib.sha256(canonical(identity)).hexdigest()[:16])


def load(identity: dict[str, Any]) -> Host | None:
    """Return what is stored of a host; ``None`` where there is nothing, or a file that is broken or of another host."""
    try:
        data = kept.load(path_of(identity))
        if data.pop(SEAL) != checksum(canonical(data)):
            return None
        found = Host.from_dict(data)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return found if found.identity == identity else None


def store(host: Host) -> Path | None:
    """Write a host whole or not at all; where the folder cannot be written, return ``None``: it is measured again."""
    path = path_of(dict(host.identity))
    try:
        data = host.to_dict()
        kept.store(path, json.dumps({SEAL: checksum(canonical(data)), **data}, indent=1) + "\n")
    except OSError:
        return None
    return path


def _processor() -> str:
    """Name the processor's model, as Linux does, or as Python does elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except (OSError, UnicodeDecodeError):
        pass
    return platform.processor() or platform.machine()
