"""The command line as typer has it: help, completion, all that is refused, and whatever else is not plain."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import costmodel
from costmodel.errors import InputError, unknown
from costmodel.terminal.commands import COMMANDS, Command
from costmodel.terminal.declared import for_typer

# click's classes, from wherever typer takes them.
_ClickError: type[Any] = typer.BadParameter.__mro__[2]

COMPLETION = frozenset({"--install-completion", "--show-completion"})
"""Typer's own options."""


class _Commands(TyperGroup):
    """Imports a command's file when it is run: none is slowed down by what the others need."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        command = COMMANDS.get(cmd_name)
        return _made(command) if command else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.about) for command in COMMANDS.values()])


def _made(command: Command) -> Any:
    """Make click's command of a row of the table."""
    found = command.load()
    app = found if isinstance(found, typer.Typer) else typer.Typer()
    app.rich_markup_mode, app._add_completion = _markup(), False
    if app is not found:
        about = None if found.__doc__ else command.about  # python -OO leaves no docstrings
        app.command(command.name, help=about, epilog=f"Example: {command.example}")(for_typer(found))
    return typer.main.get_command(app)


def _markup() -> Any:
    """Rich's boxes and colours in the help, where it goes to a terminal."""
    return "rich" if sys.stdout.isatty() else None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"costmodel {costmodel.__version__}")
        raise typer.Exit


def application() -> typer.Typer:
    """Build the command line."""
    app = typer.Typer(
        cls=_Commands,
        help="Exact closed-form cost of one fine-tuning step, without running it: FLOPs and memory of every group.",
        epilog="Example: costmodel estimate mobilenet_v3 --method galore --rank r",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=_markup(),
    )

    @app.callback()
    def main(
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        pass

    return app


def answer(words: Sequence[str]) -> Any:
    """Run a command line, and return what its command does, or its exit status.

    Raises:
        InputError: for words that typer refuses.
        KeyboardInterrupt: where it is interrupted.
    """
    command = typer.main.get_command(application())
    if COMPLETION.intersection(words):
        return _completion(command, words)
    try:
        return command.main(args=words, prog_name="costmodel", standalone_mode=False)
    except _ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 0
        raise InputError(error.format_message()) from error
    except typer.Abort:
        raise KeyboardInterrupt from None


def _completion(command: Any, words: Sequence[str]) -> int:
    """Let typer answer, which says of a shell that it does not know in ways of its own."""
    said = io.StringIO()
    status: Any
    with redirect_stdout(said), redirect_stderr(said):
        try:
            status = command.main(args=words, prog_name="costmodel", standalone_mode=False)
        except SystemExit as done:
            status = done.code
    if status:
        raise InputError(f"{said.getvalue()} Completion is made for bash, zsh, fish and PowerShell.")
    print(said.getvalue(), end="")
    return 0
