"""One cell in a process of its own, so that nothing it does reaches the others, nor whoever started it."""

from __future__ import annotations

import signal
from time import perf_counter
from typing import Any

from costmodel.errors import InputError
from costmodel.units import size
from validate.cell import CellSpec
from validate.depths import Depth
from validate.workers.limits import Limits, end_after, limit_memory, memory_shortage, own_group

Answer = dict[str, Any]
"""``{"measured": {...}, "seconds": ...}``, ``{"refused": reason}`` or ``{"failed": reason}``."""


def answer_to(spec: CellSpec, depth: Depth, limits: Limits) -> Answer:
    """Measure a cell in this process at a depth; whatever goes wrong is an answer too."""
    try:
        if limits.memory is not None:
            limit_memory(limits.memory)
        import torch

        torch.set_num_threads(limits.threads)
        start = perf_counter()
        measured = dict(depth.measure(spec))
        return {"measured": measured, "seconds": round(perf_counter() - start, 2)}
    except InputError as error:
        return {"refused": str(error)}
    except Exception as error:  # whatever stops a real step is a result
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if limits.memory is not None and memory_shortage(error):
            return {"failed": f"over the memory limit of {size(limits.memory)}: {reason}"}
        return {"failed": reason}


def ended(status: int | None, limits: Limits) -> Answer:
    """Say how a process ended that gave no answer.

    Args:
        status: its exit status, negative for a signal.
        limits: what it was given.
    """
    reason = f"the process ended with status {status}"
    if status in (-signal.SIGABRT, -signal.SIGSEGV) and limits.memory is not None:
        reason += f", perhaps at the memory limit of {size(limits.memory)}"
    return {"failed": reason}


def late(limits: Limits) -> Answer:
    """Say that a process was ended because it took too long."""
    return {"failed": f"over the time limit of {limits.seconds} s"}


def child(spec: CellSpec, depth: Depth, sender: Any, limits: Limits) -> None:
    """Measure a cell and send the answer: the whole life of a process that `multiprocessing` started.

    The depth comes along, because this process has only the ones that ship by name.
    """
    from multiprocessing import parent_process

    own_group()
    parent = parent_process()
    assert parent is not None
    end_after(parent.join)
    sender.send(answer_to(spec, depth, limits))
