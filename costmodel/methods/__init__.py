"""Fine-tuning methods by name, one file each. To add one, write its file with a `METHOD` and name it in `NAMES`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from costmodel.errors import InputError, shown, unknown
from costmodel.methods.method import Method, Options, Reach

__all__ = ["METHODS", "PAPER", "REFERENCE", "Method", "Options", "Reach", "check_rank_allowed", "find", "ranked_names"]

NAMES = ("fft", "bn_head", "bitfit", "bn_only", "lora", "dora", "loha", "lokr", "ia3", "vera", "galore")
"""The methods, in the order in which they are listed; each is the `METHOD` of the file of that name beside this one."""

PAPER = ("fft", "bn_head", "lora", "dora", "galore")
"""The methods that the contract defines."""

REFERENCE = "fft"
"""The method that others are compared with: full fine-tuning."""


class _Files(Mapping[str, Method]):
    """The methods by name; the file of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> Method:
        if name not in NAMES:
            raise KeyError(name)
        method: Method = import_module(f"{__name__}.{name}").METHOD
        return method

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


METHODS = _Files()


def find(method: Any) -> Method:
    """Return a method by name, from a peft configuration object, or as it is.

    Raises:
        InputError: for a name that is not known, or an object that is no method.
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, str):
        return METHODS[method] if method in METHODS else _of_another(method)
    if hasattr(method, "peft_type") and hasattr(method, "to_dict"):
        from costmodel.methods.peft_config import from_config

        return from_config(method)
    raise InputError(f"method {shown(repr(method), 60)}: expected a name, a peft configuration or a Method")


def _of_another(name: str) -> Method:
    """Return the method of another package."""
    from costmodel.methods import packages

    found = packages.brought(name)
    if found is None:
        raise unknown("method", name, packages.names().union(METHODS))
    return found


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
