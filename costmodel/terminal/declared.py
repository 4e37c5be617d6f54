"""Options and arguments of a command as data: its file needs no typer, which takes as long to import as an answer.

They stand in a command's signature, as typer's own do, and typer's own are made of them where typer is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, NamedTuple


class Argument(NamedTuple):
    """A word, or several, without a flag; fields as in ``typer.Argument``."""

    help: str
    metavar: str | None = None
    show_default: bool = True
    autocompletion: Callable[[str], list[str]] | None = None

    def for_typer(self) -> Any:
        """Return it as typer's own."""
        import typer

        return typer.Argument(**self._asdict())


class Option(NamedTuple):
    """An option; fields as in ``typer.Option``, and its flags in one text, made of the parameter's name if left out."""

    flags: str = ""
    help: str = ""
    min: int | None = None
    show_default: bool = True
    rich_help_panel: str | None = None
    callback: Callable[[Any], Any] | None = None
    autocompletion: Callable[[str], list[str]] | None = None

    def for_typer(self) -> Any:
        """Return it as typer's own."""
        import typer

        said = self._asdict()
        return typer.Option(*said.pop("flags").split(), **said)


AsJson = Annotated[bool, Option("--json", help="Print one JSON object with exact integers.")]


def told(parameter: inspect.Parameter) -> Argument | Option | None:
    """Return what a parameter's annotation says of it; nothing where it is typer's own, or none."""
    for said in getattr(parameter.annotation, "__metadata__", ()):
        if isinstance(said, (Argument, Option)):
            return said
    return None


def parameters_of(command: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a command's parameters with their annotations as they are meant."""
    return list(inspect.signature(command, eval_str=True).parameters.values())


def taking(parameters: Iterable[inspect.Parameter], command: Callable[..., None]) -> Callable[..., None]:
    """Say of a function that takes ``**given`` which parameters these are."""
    seen = list(parameters)
    command.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]  # what typer reads
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    return command


def for_typer(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command of whose signature typer understands all."""

    @wraps(command)
    def called(**given: Any) -> None:
        return command(**given)

    return taking(map(_for_typer, parameters_of(command)), called)


def _for_typer(parameter: inspect.Parameter) -> inspect.Parameter:
    said = told(parameter)
    if said is None:
        return parameter
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, said.for_typer()])
