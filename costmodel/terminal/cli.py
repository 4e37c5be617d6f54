"""The command line. Bad input is one line on standard error and exit status 2; never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from costmodel.errors import CostModelError, InputError
from costmodel.signals import INTERRUPTED, TERMINATED, TerminationError, raised
from costmodel.terminal import plain
from costmodel.terminal.commands import COMMANDS
from costmodel.terminal.console import one_line

NEEDED_TO_DERIVE = ("torch", "torchvision", "peft", "galore_torch")
"""What only an answer that does not ship needs."""

_COMPLETES = "_COSTMODEL_COMPLETE"
"""In the environment of a shell's question for the words that fit."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: as in ``sys.argv[1:]``, which is the default.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if broken := next((word for word in words if "\0" in word), None):
            raise InputError(f"'{broken}': nothing on a command line has a zero byte in it")
        status = _answer(words)
        sys.stdout.flush()
    except CostModelError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name not in NEEDED_TO_DERIVE:
            raise
        return _refuse(f"{error.name} is not installed, and no formula ships for this: pip install {error.name}")
    except BrokenPipeError:  # whoever reads, such as head, has had enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in the buffer has nowhere to go
        return 1
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # the same
        return _refuse(f"cannot write {error.filename or 'the output'}: {error.strerror or error}")
    except TerminationError:
        return _stopped("terminated", TERMINATED)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        return _stopped("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _answer(words: Sequence[str]) -> Any:
    """Run a command, and return its exit status or nothing; typer is asked, and imported, where words are not plain."""
    if words and words[0] in COMMANDS and _COMPLETES not in os.environ:
        command = COMMANDS[words[0]].load()
        given = plain.read(command, words[1:])
        if given is not None:
            return command(**given)
    from costmodel.terminal import application

    return application.answer(words)


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
