"""The options that say which cell is meant, once for every command that takes a cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from costmodel.cell.axes import positive
from costmodel.cell.request import Request, request
from costmodel.cell.setup import Setup, setup_of
from costmodel.cell.subjects import model_table
from costmodel.cell.training import AUTOCAST, LOSSES, OPTIMIZERS, PRECISIONS, Training
from costmodel.contract import CONVENTIONS, DEFAULT_CLASSES
from costmodel.errors import InputError, unknown
from costmodel.files import check_picture
from costmodel.methods import METHODS, PAPER, Method, Options, check_rank_allowed, find


def _model_names(incomplete: str) -> list[str]:
    return [name for name in model_table() if name.startswith(incomplete)]


def _method_names(incomplete: str) -> list[str]:
    return [name for name in METHODS if name.startswith(incomplete)]


def _known_convention(value: str) -> str:
    if value not in CONVENTIONS:
        raise unknown("convention", value, CONVENTIONS)
    return value


def _picture(path: Path | None) -> Path | None:
    if path is not None:
        check_picture(path)
    return path


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object with exact integers.")]

PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw it too: an .svg, .png or .pdf file.", show_default=False, callback=_picture),
]
Convention = Annotated[
    str,
    typer.Option("--convention", help=f"How FLOPs are counted: {', '.join(CONVENTIONS)}.", callback=_known_convention),
]

_MODEL, _SIZES, _METHOD, _TRAINING = "Model", "Sizes: a number, or a name to stay symbolic", "Method", "Training"


def _option(*names: str, panel: str, text: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


@dataclass(frozen=True, slots=True)
class CellArguments:
    """A cell as asked for on the command line."""

    model: Annotated[
        str | None,
        typer.Argument(
            help="A name ('costmodel models' lists them), timm:NAME, path/to/net.py:factory or package.module:factory.",
            show_default=False,
            autocompletion=_model_names,
        ),
    ] = None
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            help="'costmodel methods' lists them.",
            rich_help_panel=_METHOD,
            autocompletion=_method_names,
        ),
    ] = "fft"
    rank: Annotated[
        str | None, _option("--rank", panel=_SIZES, text="Rank of methods that have one (4 if left out).")
    ] = None
    batch: Annotated[str, typer.Option("--batch", help="Batch size.", rich_help_panel=_SIZES)] = "1"
    resolution: Annotated[
        str | None,
        _option("--resolution", panel=_SIZES, text="Height and width in pixels (the model's own default, mostly 224)."),
    ] = None
    height: Annotated[str | None, _option("--height", panel=_SIZES, text="Height in pixels.")] = None
    width: Annotated[str | None, _option("--width", panel=_SIZES, text="Width in pixels.")] = None
    length: Annotated[
        str | None, _option("--length", panel=_SIZES, text="Tokens of a text model (128 if left out).")
    ] = None
    inputs: Annotated[
        str | None,
        _option(
            "--input",
            panel=_MODEL,
            text="What the model takes, batch left out: 3x96x96, 3x16xHxW, S:int64, or name=S:int64,name=S:int64.",
        ),
    ] = None
    classes: Annotated[
        str, typer.Option("--classes", help="Outputs of a named model's head.", rich_help_panel=_MODEL)
    ] = str(DEFAULT_CLASSES)
    aux: Annotated[bool, _option("--aux", panel=_MODEL, text="Train the auxiliary classifiers too.")] = False
    targets: Annotated[
        str | None,
        _option("--targets", panel=_METHOD, text="Layers that get an adapter: a regular expression over module names."),
    ] = None
    alpha: Annotated[str | None, _option("--alpha", panel=_METHOD, text="Scaling of adapters (the rank).")] = None
    rank_pattern: Annotated[
        list[str] | None,
        _option(
            "--rank-pattern", panel=_METHOD, text="REGEX=RANK: layers with a rank of their own; may be given again."
        ),
    ] = None
    train_head: Annotated[
        bool, _option("--train-head", panel=_METHOD, text="Train the head in full beside the adapters.")
    ] = False
    update_gap: Annotated[
        str | None, _option("--update-gap", panel=_METHOD, text="GaLore's T, steps between projections (200).")
    ] = None
    projection: Annotated[
        str | None,
        _option("--projection", panel=_METHOD, text="GaLore: std, reverse_std, left, right or full (std)."),
    ] = None
    scale: Annotated[float | None, _option("--scale", panel=_METHOD, text="GaLore: factor on updates (0.25).")] = None
    optimizer: Annotated[
        str, typer.Option("--optimizer", help=f"{', '.join(OPTIMIZERS)}.", rich_help_panel=_TRAINING)
    ] = "adamw"
    loss: Annotated[str, typer.Option("--loss", help=f"{', '.join(LOSSES)}.", rich_help_panel=_TRAINING)] = "sum"
    dtype: Annotated[str, typer.Option("--dtype", help=f"{', '.join(PRECISIONS)}.", rich_help_panel=_TRAINING)] = (
        "float32"
    )
    autocast: Annotated[
        str | None, _option("--autocast", panel=_TRAINING, text=f"Mixed precision: {', '.join(AUTOCAST)}.")
    ] = None
    accumulate: Annotated[
        str, typer.Option("--accumulate", help="Micro-batches for each optimizer step.", rich_help_panel=_TRAINING)
    ] = "1"
    checkpoint: Annotated[
        bool, _option("--checkpoint", panel=_TRAINING, text="Recompute the blocks' activations in the backward pass.")
    ] = False

    def setup(self) -> Setup:
        """Return the cell without its point.

        Raises:
            InputError: for bad input.
        """
        if self.model is None:
            raise InputError("which model? 'costmodel models' lists the names")
        training = Training(
            self.optimizer,
            self.loss,
            self.dtype,
            self.autocast,
            positive("accumulate", self.accumulate),
            self.checkpoint,
        )
        return setup_of(
            self.model,
            self.method,
            classes=positive("classes", self.classes),
            inputs=self.inputs,
            aux=self.aux,
            options=self.options(),
            training=training,
        )

    def options(self) -> Options:
        """Return what the method is told beside its rank.

        Raises:
            InputError: for bad input.
        """
        options: dict[str, Any] = {
            "targets": self.targets,
            "alpha": None if self.alpha is None else positive("alpha", self.alpha),
            "rank_pattern": tuple(_rank_of(entry) for entry in self.rank_pattern or ()),
            "train_head": self.train_head,
            "update_gap": None if self.update_gap is None else positive("update-gap", self.update_gap),
            "projection": self.projection,
            "scale": self.scale,
        }
        return Options(**{name: value for name, value in options.items() if value is not None})

    @property
    def changed(self) -> list[str]:
        """The fields that are not at their default."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]

    @property
    def given(self) -> list[str]:
        """The options that are not at their default, without the model."""
        flags = {name: "--input" if name == "inputs" else f"--{name.replace('_', '-')}" for name in self.changed}
        return [flag for name, flag in flags.items() if name != "model"]

    def request(self, setup: Setup) -> Request:
        """Return the point asked for.

        Raises:
            InputError: for bad input.
        """
        names = ("rank", "batch", "resolution", "height", "width", "length")
        return request(setup, **{name: getattr(self, name) for name in names})

    def alias(self, setup: Setup) -> str | None:
        """Return the name asked for, where it stands for another."""
        return self.model if self.model != setup.subject.name else None


def _rank_of(entry: str) -> tuple[str, int]:
    pattern, equals, rank = entry.rpartition("=")
    if not equals or not pattern:
        raise InputError(f"--rank-pattern {entry}: expected REGEX=RANK, such as 'layer4.*=8'")
    return pattern, positive("rank-pattern", rank)


@dataclass(frozen=True, slots=True)
class CellsArguments:
    """Several models and methods as asked for on the command line.

    Attributes:
        models: as typed.
        methods: as typed; the contract's five where none is, or for ``all``.
        cell: all that is said of every cell alike.
    """

    models: list[str]
    methods: list[str]
    cell: CellArguments

    def setups(self) -> list[Setup]:
        """Return a setup for each model with each method.

        What only some of the methods know (a rank, ``--targets``, ...) is told to those.

        Raises:
            InputError: for bad input, or where no method knows what it is told.
        """
        methods = [find(name) for name in self._names()]
        if not self.methods:  # of the default ones those that go with the optimizer asked for
            methods = [method for method in methods if not method.optimizer or self.cell.optimizer == "adamw"]
        told = {field.name for field in fields(Options)} & {*self.cell.changed}
        for option in told:
            if not any(option in method.options for method in methods):
                methods[0].check(self.cell.options(), Training())
        return [self._cell(model, method, told).setup() for model in self._models() for method in methods]

    def _models(self) -> list[str]:
        """Return each model once, whatever names it is asked for by."""
        rows = model_table()
        return list({rows.get(name, {}).get("alias_of", name): name for name in reversed(self.models)}.values())[::-1]

    def _names(self) -> list[str]:
        names = [name for given in self.methods for name in given.split(",")]
        return list(PAPER) if not names or names == ["all"] else list(dict.fromkeys(names))

    def _cell(self, model: str, method: Method, told: Collection[str]) -> CellArguments:
        unknown_to_it: dict[str, Any] = {option: None for option in told if option not in method.options}
        if "train_head" in unknown_to_it:
            unknown_to_it["train_head"] = False
        return replace(self.cell, model=model, method=method.name, **unknown_to_it)

    def alias(self, setup: Setup) -> str | None:
        """Return the name that a setup's model was asked for by, where it stands for another."""
        if setup.subject.name in self.models:
            return None
        return next(
            (name for name in self.models if model_table().get(name, {}).get("alias_of") == setup.subject.name), None
        )

    def check_rank(self, setups: Sequence[Setup]) -> None:
        """Refuse a rank where no method has one.

        Raises:
            InputError: that says so.
        """
        if self.cell.rank is not None and not any(setup.method.ranked for setup in setups):
            check_rank_allowed(setups[0].method, self.cell.rank)

    def requests(self, setups: Sequence[Setup]) -> list[Request]:
        """Return the point asked for in each setup.

        Raises:
            InputError: for bad input, or a rank where no method has one.
        """
        self.check_rank(setups)
        return [
            (self.cell if setup.method.ranked else replace(self.cell, rank=None)).request(setup) for setup in setups
        ]


def takes_cell(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of a cell; its first parameter gets them as `CellArguments`."""
    return _spread(command, _parameters(), lambda given: CellArguments(**given))


def takes_cells(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command models, methods and all options of a cell; its first parameter gets them as `CellsArguments`."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    several = [
        inspect.Parameter("models", keyword, annotation=_Models),
        inspect.Parameter("methods", keyword, default=None, annotation=_Methods),
    ]
    shared = [parameter for parameter in _parameters() if parameter.name not in ("model", "method")]

    def gather(given: dict[str, Any]) -> CellsArguments:
        return CellsArguments(given.pop("models"), given.pop("methods") or [], CellArguments(**given))

    return _spread(command, [*several, *shared], gather)


_Models = Annotated[
    list[str],
    typer.Argument(
        help="One or more models, as for 'estimate'.",
        metavar="MODEL...",
        show_default=False,
        autocompletion=_model_names,
    ),
]
_Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        help="A method, or several separated by commas; may be given again (the five of the contract if left out).",
        rich_help_panel=_METHOD,
        show_default=False,
        autocompletion=_method_names,
    ),
]


def _parameters() -> list[inspect.Parameter]:
    hints = get_type_hints(CellArguments, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in fields(CellArguments)
    ]


def _spread(
    command: Callable[..., None], parameters: Sequence[inspect.Parameter], gather: Callable[[dict[str, Any]], Any]
) -> Callable[..., None]:
    """Put parameters in the place of a command's first one, which gets what ``gather`` makes of them."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    names = [parameter.name for parameter in parameters]

    @wraps(command)
    def spread(**given: Any) -> None:
        command(gather({name: given.pop(name) for name in names}), **given)

    seen = [*parameters, *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own)]
    spread.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]  # what typer reads
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    return spread
