"""The command line. Bad input is one line on standard error and exit status 2; never a traceback."""

from __future__ import annotations

import importlib
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import costmodel
from costmodel.errors import CostModelError, InputError, unknown
from costmodel.signals import INTERRUPTED, TERMINATED, TerminationError, raised
from costmodel.terminal.commands import COMMANDS, Command
from costmodel.terminal.console import one_line

# click's classes, from wherever typer takes them.
_ClickError: type[Any] = typer.BadParameter.__mro__[2]

COMPLETION = frozenset({"--install-completion", "--show-completion"})
"""Typer's own options."""

NEEDED_TO_DERIVE = ("torch", "torchvision", "peft", "galore_torch")
"""What only an answer that does not ship needs."""


class _Commands(TyperGroup):
    """Imports a command's file when it is run: none is slowed down by what the others need."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        command = COMMANDS.get(cmd_name)
        return _load(command) if command else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.about) for command in COMMANDS.values()])


def _load(command: Command) -> Any:
    """Make click's command of a row of the table."""
    module = importlib.import_module(command.place)
    made = getattr(module, command.name)
    app = made if isinstance(made, typer.Typer) else typer.Typer()
    app.rich_markup_mode, app._add_completion = _markup(), False
    if app is not made:
        about = None if made.__doc__ else command.about  # python -OO leaves no docstrings
        app.command(command.name, help=about, epilog=f"Example: {command.example}")(made)
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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: as in ``sys.argv[1:]``, which is the default.
    """
    words = sys.argv[1:] if arguments is None else arguments
    command = typer.main.get_command(application())
    try:
        if broken := next((word for word in words if "\0" in word), None):
            raise InputError(f"'{broken}': nothing on a command line has a zero byte in it")
        if COMPLETION.intersection(words):
            return _completion(command, words)
        status = command.main(args=words, prog_name="costmodel", standalone_mode=False)
        sys.stdout.flush()
    except _ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 0
        return _refuse(error.format_message())
    except CostModelError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name not in NEEDED_TO_DERIVE:
            raise
        return _refuse(f"{error.name} is not installed, and no formula ships for this: pip install {error.name}")
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in the buffer has nowhere to go
        return _refuse(f"cannot write {error.filename or 'the output'}: {error.strerror or error}")
    except TerminationError:
        return _stopped("terminated", TERMINATED)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        return _stopped("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _completion(command: Any, words: list[str]) -> int:
    """Let typer answer, which says of a shell that it does not know in ways of its own."""
    said = io.StringIO()
    status: Any
    with redirect_stdout(said), redirect_stderr(said):
        try:
            status = command.main(args=words, prog_name="costmodel", standalone_mode=False)
        except SystemExit as done:
            status = done.code
    if status:
        return _refuse(f"{said.getvalue()} Completion is made for bash, zsh, fish and PowerShell.")
    print(said.getvalue(), end="")
    return 0


def _refuse(message: str) -> int:
    _complain(message)
    return 2


def _stopped(how: str, status: int) -> int:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # half an answer is none
    _complain(how)
    return status


def _complain(message: str) -> None:
    with suppress(OSError):  # the exit status says it too
        print(f"costmodel: {one_line(message)}", file=sys.stderr)


def run() -> None:
    """Entry point of the ``costmodel`` command."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: what is said goes nowhere
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # open until the end
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks is escaped
    try:
        with raised():
            status = main()
    except KeyboardInterrupt:  # before there is a command, or while an error is said
        status = _stopped("interrupted", INTERRUPTED)
    except TerminationError:
        status = _stopped("terminated", TERMINATED)
    sys.exit(status)
