"""Plain words of a command line, read without typer: flags in full, each value a word of its own without a dash.

What is not plain is left to typer, all that is wrong included: here nothing is refused, and no help is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from costmodel.terminal.declared import Argument, Option, parameters_of, told

_ONE: Mapping[Any, Callable[[str], Any]] = MappingProxyType(
    {str: str, str | None: str, float: float, float | None: float}
)
"""How a word is read, by what the parameter takes."""

_SEVERAL = (list[str], list[str] | None)


def read(command: Callable[..., Any], words: Sequence[str]) -> dict[str, Any] | None:
    """Return what a command is called with, as typer would call it; ``None`` where typer has to be asked."""
    parameters = parameters_of(command)
    if not all(map(told, parameters)):
        return None
    by_flag = {flag: parameter for parameter in parameters for flag in _flags(parameter)}
    places = [parameter.name for parameter in parameters if isinstance(told(parameter), Argument)]
    typed: dict[str, list[str]] = {}
    rest = iter(words)
    try:
        for word in rest:
            if not word.startswith("-"):
                (name,), value = places, word
            else:
                name, takes = by_flag[word].name, by_flag[word].annotation.__origin__
                value = "" if takes is bool else next(rest)
            typed.setdefault(name, []).append(value)
        return {each.name: _value(each, typed.get(each.name, [])) for each in parameters}
    except (KeyError, ValueError, StopIteration):
        return None


def _flags(parameter: Any) -> Sequence[str]:
    """Return the flags of an option; of one with a flag for no, too, none is plain."""
    said = told(parameter)
    if not isinstance(said, Option) or "/" in said.flags:
        return ()
    return said.flags.split() or [f"--{parameter.name.replace('_', '-')}"]


def _value(parameter: Any, typed: list[str]) -> Any:
    """Return a parameter's value.

    Raises:
        KeyError: for a type whose words are not read here.
        ValueError: for words that are not plain.
    """
    if not typed:
        if parameter.default is parameter.empty:
            raise ValueError(parameter.name)
        return parameter.default
    takes, callback = parameter.annotation.__origin__, getattr(told(parameter), "callback", None)
    if takes is bool:
        (_,) = typed
        return True
    if any(not word or word.startswith("-") for word in typed):
        raise ValueError(parameter.name)
    if takes in _SEVERAL:
        return typed
    (word,) = typed
    value = _ONE[takes](word)
    return callback(value) if callback else value
