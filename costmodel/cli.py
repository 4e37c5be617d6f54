"""The command line. Bad input is one line on standard error and exit status 2; never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import costmodel
from costmodel.api import answer
from costmodel.arguments import CellArguments, takes_cell
from costmodel.errors import CostModelError, InputError
from costmodel.source import Source

_PIPE_WIDTH = 160

app = typer.Typer(
    help="Exact closed-form cost of one fine-tuning step, without running it: FLOPs and memory of every group.",
    epilog="Example: costmodel estimate mobilenet_v3 --method galore --rank r",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

# click's base error, from wherever typer takes it.
_ClickError: type[Any] = typer.BadParameter.__mro__[2]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object with exact integers.")]


def _out() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


@contextmanager
def _working() -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being worked on, where that is a terminal."""
    status = Console(stderr=True).status("")

    def say(text: str) -> None:
        status.update(text)
        status.start()

    try:
        yield say
    finally:
        status.stop()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"costmodel {costmodel.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: costmodel estimate mobilenet_v2 --method lora --rank 4 --batch 8 --resolution 192")
@takes_cell
def estimate(
    cell: CellArguments,
    as_json: AsJson = False,
    formulas: Annotated[bool, typer.Option("--formulas", help="Print the closed forms too.")] = False,
) -> None:
    """Estimate one fine-tuning step, without running it. A name instead of a number keeps that size symbolic."""
    setup = cell.setup()
    asked = cell.request(setup)
    with _working() as say:
        found = answer(Source(setup), asked, cell.alias(setup), lambda: say(f"tracing {setup.label}"))
    if as_json:
        print(found.to_json())
        return
    from costmodel.render import show_estimate

    show_estimate(_out(), found, formulas)


@app.command(
    epilog="Example: costmodel validate mobilenet_v2 --method galore --rank 8 --batch 2 --height 97 --width 161"
)
@takes_cell
def validate(
    cell: CellArguments,
    as_json: AsJson = False,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Measure many cells: paper (the paper's 20), zoo (all models and methods), settings (optimizers, "
            "precisions, options), tasks (segmentation, video, text). A MODEL leaves the others out.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of a suite's journal and tables; measured cells are not measured again.")
    ] = Path("validation"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at a time.")] = 1,
) -> None:
    """Run the real step and print predicted, measured and difference for every number.

    Exit status 0 when all are equal, 1 when any differs.
    """
    if suite is not None:
        if cell.given:
            raise InputError(f"--suite {suite} excludes {', '.join(cell.given)}: a suite has cells of its own")
        raise typer.Exit(_run_suite(suite, cell.model, output, jobs, as_json))
    setup = cell.setup()
    asked = cell.request(setup)
    from validate.compare import validate_cell

    with _working() as say:
        comparison = validate_cell(setup, asked, cell.alias(setup), say)
    if as_json:
        import json

        print(json.dumps(comparison.to_dict()))
    else:
        from costmodel.render import show_comparison

        show_comparison(_out(), comparison)
    raise typer.Exit(0 if comparison.equal else 1)


def _run_suite(name: str, model: str | None, folder: Path, jobs: int, as_json: bool) -> int:
    import json

    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    from costmodel.render import show_suite
    from validate.table import validate_suite

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def say(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total)

        table = validate_suite(name, model, folder, jobs, say)
    if as_json:
        print(json.dumps([row.to_dict() for row in table.rows]))
    else:
        show_suite(_out(), table)
    return 0 if table.equal else 1


@app.command(epilog="Example: costmodel models")
def models(as_json: AsJson = False) -> None:
    """List the models known by name."""
    _names("model", costmodel.models(), as_json)


@app.command(epilog="Example: costmodel methods")
def methods(as_json: AsJson = False) -> None:
    """List the fine-tuning methods."""
    _names("method", costmodel.methods(), as_json)


def _names(title: str, rows: dict[str, str], as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(rows))
        return
    from costmodel.render import show_names

    show_names(_out(), title, rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: as in ``sys.argv[1:]``, which is the default.
    """
    command = typer.main.get_command(app)
    try:
        status = command.main(args=arguments, prog_name="costmodel", standalone_mode=False)
        sys.stdout.flush()
    except _ClickError as error:
        return _refuse(error.format_message())
    except CostModelError as error:
        return _refuse(str(error))
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in the buffer has nowhere to go
        return _refuse(f"cannot write the output: {error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        print("costmodel: interrupted", file=sys.stderr)
        return 130
    return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    if not message:  # no arguments: the help has been printed
        return 0
    print(f"costmodel: {' '.join(message.split())}", file=sys.stderr)
    return 2


def run() -> None:
    """Entry point of the ``costmodel`` command."""
    sys.exit(main())
