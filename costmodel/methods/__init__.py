"""Fine-tuning methods by name. To add one, write its file with a `METHODS` tuple and list the file here."""

from __future__ import annotations

from typing import Any

from costmodel.errors import InputError, unknown
from costmodel.methods import adapters, galore, plain
from costmodel.methods.method import Method, Options

__all__ = ["METHODS", "PAPER", "Method", "Options", "check_rank_allowed", "find", "ranked_names"]

METHODS = {method.name: method for file in (plain, adapters, galore) for method in file.METHODS}

PAPER = ("fft", "bn_head", "lora", "dora", "galore")
"""The methods that the contract defines."""


def find(method: Any) -> Method:
    """Return a method by name, from a peft configuration object, or as it is.

    Raises:
        InputError: for a name that is not known, or an object that is no method.
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, str):
        if method not in METHODS:
            raise unknown("method", method, METHODS)
        known: Method = METHODS[method]
        return known
    if hasattr(method, "peft_type") and hasattr(method, "to_dict"):
        return adapters.from_config(method)
    raise InputError(f"method {method!r:.60}: expected a name, a peft configuration or a Method")


def ranked_names() -> str:
    """List the methods that take a rank, for messages."""
    return ", ".join(method.name for method in METHODS.values() if method.ranked)


def check_rank_allowed(method: Method, given: object) -> None:
    """Refuse a rank for a method that has none.

    Raises:
        InputError: when ``given`` is not None and the method has no rank.
    """
    if given is not None and not method.ranked:
        raise InputError(f"--rank {given}: method '{method.name}' has no rank; methods with a rank: {ranked_names()}")
