"""The command line. Bad input is one line on standard error and exit status 2; never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

import costmodel
from costmodel.contract import DEFAULT_CLASSES
from costmodel.errors import CostModelError

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

Model = Annotated[str, typer.Argument(help="Model name; 'costmodel models' lists them.", show_default=False)]
MethodName = Annotated[str, typer.Option("--method", "-m", help="Fine-tuning method; 'costmodel methods' lists them.")]
Rank = Annotated[
    str | None,
    typer.Option(help="Rank of lora, dora, galore (4 if left out), or a name such as r.", show_default=False),
]
Batch = Annotated[str, typer.Option(help="Batch size, or a name such as N.")]
Resolution = Annotated[
    str | None,
    typer.Option(help="Height and width in pixels (224 if left out), or a name such as S.", show_default=False),
]
Height = Annotated[str | None, typer.Option(help="Height in pixels, or a name such as H.", show_default=False)]
Width = Annotated[str | None, typer.Option(help="Width in pixels, or a name such as W.", show_default=False)]
Classes = Annotated[str, typer.Option(help="Outputs of the head.")]
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
def estimate(
    model: Model,
    method: MethodName = "fft",
    rank: Rank = None,
    batch: Batch = "1",
    resolution: Resolution = None,
    height: Height = None,
    width: Width = None,
    classes: Classes = str(DEFAULT_CLASSES),
    as_json: AsJson = False,
    formulas: Annotated[bool, typer.Option("--formulas", help="Print the closed forms too.")] = False,
) -> None:
    """Estimate one fine-tuning step, without running it. A name instead of a number keeps that size symbolic."""
    with _working() as say:
        answer = costmodel.estimate(
            model,
            method,
            rank=rank,
            batch=batch,
            resolution=resolution,
            height=height,
            width=width,
            classes=classes,  # type: ignore[arg-type]  # text from the command line, checked where numbers are
            working=lambda: say(f"tracing {model} with {method}"),
        )
    if as_json:
        print(answer.to_json())
        return
    from costmodel.render import show_estimate

    show_estimate(_out(), answer, formulas)


@app.command(
    epilog="Example: costmodel validate mobilenet_v2 --method galore --rank 8 --batch 2 --height 97 --width 161"
)
def validate(
    model: Annotated[str | None, typer.Argument(help="Model name; or give --suite.", show_default=False)] = None,
    method: MethodName = "fft",
    rank: Rank = None,
    batch: Batch = "1",
    resolution: Resolution = None,
    height: Height = None,
    width: Width = None,
    classes: Classes = str(DEFAULT_CLASSES),
    as_json: AsJson = False,
    suite: Annotated[
        str | None,
        typer.Option(help="Run many cells: 'paper' is the 20 cells of the paper, at its point.", show_default=False),
    ] = None,
) -> None:
    """Run the real step and print predicted, measured and difference for every number.

    Exit status 0 when all are equal, 1 when any differs.
    """
    from costmodel.errors import InputError

    if suite is not None:
        if model is not None:
            raise InputError(f"--suite {suite}: a suite names its own models; leave out '{model}'")
        raise typer.Exit(_run_suite(suite, as_json))
    if model is None:
        raise InputError("validate needs a model name or --suite paper; 'costmodel models' lists the models")
    from validate.compare import validate_cell

    with _working() as say:
        comparison = validate_cell(
            model,
            method,
            rank=rank,
            batch=batch,
            resolution=resolution,
            height=height,
            width=width,
            classes=classes,
            progress=say,
        )
    if as_json:
        import json

        print(json.dumps(comparison.to_dict()))
    else:
        from costmodel.render import show_comparison

        show_comparison(_out(), comparison)
    raise typer.Exit(0 if comparison.equal else 1)


def _run_suite(name: str, as_json: bool) -> int:
    import json

    from rich.progress import Progress

    from costmodel.render import show_suite
    from validate.suite import cells

    planned = cells(name)
    done = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(planned))
        for cell in planned:
            progress.update(task, description=f"{cell.model} {cell.method}")
            done.append(cell.run())
            progress.advance(task)
    if as_json:
        print(json.dumps([comparison.to_dict() for comparison in done]))
    else:
        show_suite(_out(), done)
    return 0 if all(comparison.equal for comparison in done) else 1


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
