"""Where and with what a report was made."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from costmodel.sources.versions import installed

PACKAGES = ("peft", "galore-torch", "transformers")
"""Distributions beside torch and torchvision that decide a number of the report."""


def packages() -> dict[str, str]:
    """Return the version of Python and of each package that decides a number."""
    return {"python": platform.python_version(), **installed(PACKAGES)}


def machine() -> dict[str, Any]:
    """Say what the machine is: processor, cores that this process may use, memory in bytes, system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # where the system does not say
        return None
