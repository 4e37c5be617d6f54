"""The options that say which cell is meant, once for every command that takes a cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from costmodel.cell.axes import SIZES, Axis
from costmodel.cell.rehearsal import Rehearsal
from costmodel.cell.request import Request, request
from costmodel.cell.setup import DEFAULT_TRAINING, Setup, setup_of
from costmodel.cell.subjects import ModelOptions, model_table
from costmodel.cell.training import Training
from costmodel.contract import CONVENTIONS
from costmodel.errors import InputError
from costmodel.files import check_picture
from costmodel.methods import METHODS, PAPER, Method, Options, check_rank_allowed, find
from costmodel.options import CONVENTION, Choices, Option, options_of
from costmodel.questions.applicable import applicable
from costmodel.results import LeftOut
from costmodel.terminal import declared


def _model_names(incomplete: str) -> list[str]:
    return [name for name in model_table() if name.startswith(incomplete)]


def _method_names(incomplete: str) -> list[str]:
    return [name for name in METHODS if name.startswith(incomplete)]


def _known_convention(value: str) -> str:
    return CONVENTION.check(f"--convention {value}", value)


def _picture(path: Path | None) -> Path | None:
    if path is not None:
        check_picture(path)
    return path


PlotFile = Annotated[
    Path | None,
    declared.Option("--plot", help="Draw it too: an .svg, .png or .pdf file.", show_default=False, callback=_picture),
]
Convention = Annotated[
    str,
    declared.Option(
        "--convention", help=f"How FLOPs are counted: {', '.join(CONVENTIONS)}.", callback=_known_convention
    ),
]

_METHOD = "Method"
_SIZES = "Sizes: a number, or a name to stay symbolic"

PANELS: Mapping[str, type[Choices]] = MappingProxyType(
    {"Model": ModelOptions, _METHOD: Options, "Training": Training, "Rehearsal": Rehearsal}
)
"""What a cell is told beside its sizes, under the heading that the help has for it on a terminal."""


class CellArguments(NamedTuple):
    """A cell as asked for on the command line.

    Attributes:
        model: as typed.
        method: as typed.
        typed: what else is not at its default: sizes by option, the fields of `PANELS` by name.
    """

    model: str | None
    method: str
    typed: Mapping[str, Any]

    def setup(self) -> Setup:
        """Return the cell without its point.

        Raises:
            InputError: for bad input.
        """
        return setup_of(self.named, self.method, **self.settings)

    @property
    def named(self) -> str:
        """The model.

        Raises:
            InputError: where there is none.
        """
        if self.model is None:
            raise InputError("which model? 'costmodel models' lists the names")
        return self.model

    @property
    def settings(self) -> dict[str, Any]:
        """What the cell is told beside its sizes, as the keywords of the Python API."""
        training, told, options = self.training, self.told, self.options
        named = {name: getattr(told, name) for name in options_of(ModelOptions)}
        return {**named, "options": options, "training": training, "rehearsal": self.rehearsal}

    @property
    def told(self) -> ModelOptions:
        """What is said of the model beside its name."""
        return ModelOptions.typed(self.typed)

    @property
    def options(self) -> Options:
        """What the method is told beside its rank."""
        return Options.typed(self.typed)

    @property
    def training(self) -> Training:
        """How it is trained."""
        return Training.typed(self.typed)

    @property
    def rehearsal(self) -> Rehearsal:
        """Whether a module of the caller's is run once beside its trace."""
        return Rehearsal.typed(self.typed)

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes that are not at their default, by option."""
        return {option: self.typed[option] for option in SIZES if option in self.typed}

    def but(self, **typed: Any) -> CellArguments:
        """Return it with other things typed; ``None`` for what is left out."""
        found = {**self.typed, **typed}
        return self._replace(typed={name: value for name, value in found.items() if value is not None})

    @property
    def words(self) -> list[str]:
        """What is not at its default, as typed, without model and method."""
        sizes = [word for option, value in self.sizes.items() for word in (SIZES[option].flag, str(value))]
        return [*sizes, *self.told.words, *self.options.words, *self.training.words, *self.rehearsal.words]

    @property
    def given(self) -> list[str]:
        """The options that are not at their default, without the model."""
        flags = [
            parameter.annotation.__metadata__[0].flags for parameter in parameters() if parameter.name in self.typed
        ]
        return ["--method"] * (self.method != DEFAULT_METHOD) + flags

    def request(self, setup: Setup) -> Request:
        """Return the point asked for.

        Raises:
            InputError: for bad input.
        """
        return request(setup, self.sizes)

    def alias(self, setup: Setup) -> str | None:
        """Return the name asked for, where it stands for another."""
        return self.model if self.model != setup.subject.name else None


class CellsArguments(NamedTuple):
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
            plain = self.cell.training.optimizer == DEFAULT_TRAINING.optimizer
            methods = [method for method in methods if plain or not method.optimizer]
        told = options_of(Options).keys() & self.cell.typed.keys()
        for option in told:
            if not any(option in method.options for method in methods):
                methods[0].check(self.cell.options, DEFAULT_TRAINING)
        return [self._cell(model, method, told).setup() for model in self._models() for method in methods]

    def applicable(self) -> tuple[list[Setup], tuple[LeftOut, ...]]:
        """Return the setups, and which default methods are left out, because they do not apply.

        Raises:
            InputError: as `setups`, and where a model has no method left.
        """
        return applicable(self.setups(), named=bool(self.methods))

    def _models(self) -> list[str]:
        """Return each model once, whatever names it is asked for by."""
        rows = model_table()
        return list({rows.get(name, {}).get("alias_of", name): name for name in reversed(self.models)}.values())[::-1]

    def _names(self) -> list[str]:
        names = [name for given in self.methods for name in given.split(",")]
        return list(PAPER) if not names or names == ["all"] else list(dict.fromkeys(names))

    def _cell(self, model: str, method: Method, told: Collection[str]) -> CellArguments:
        unknown_to_it: dict[str, Any] = {option: None for option in told if option not in method.options}
        return self.cell.but(**unknown_to_it)._replace(model=model, method=method.name)

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
        if not any(setup.method.ranked for setup in setups):
            check_rank_allowed(setups[0].method, self.cell.typed.get("rank"))

    def requests(self, setups: Sequence[Setup]) -> list[Request]:
        """Return the point asked for in each setup.

        Raises:
            InputError: for bad input, or a rank where no method has one.
        """
        self.check_rank(setups)
        return [(self.cell if setup.method.ranked else self.cell.but(rank=None)).request(setup) for setup in setups]


def takes_cell(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of a cell; its first parameter gets them as `CellArguments`."""
    one = [_parameter("model", None, _Model), _parameter("method", DEFAULT_METHOD, _Method)]

    def gather(given: dict[str, Any]) -> CellArguments:
        return CellArguments(given.pop("model"), given.pop("method"), _typed(given))

    return _spread(command, [*one, *parameters()], gather)


def takes_cells(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command models, methods and all options of a cell; its first parameter gets them as `CellsArguments`."""
    several = [_parameter("models", inspect.Parameter.empty, _Models), _parameter("methods", None, _Methods)]

    def gather(given: dict[str, Any]) -> CellsArguments:
        models, methods = given.pop("models"), given.pop("methods") or []
        return CellsArguments(models, methods, CellArguments(None, DEFAULT_METHOD, _typed(given)))

    return _spread(command, [*several, *parameters()], gather)


DEFAULT_METHOD = "fft"

_Model = Annotated[
    str | None,
    declared.Argument(
        help="A name ('costmodel models' lists them), timm:NAME, path/to/net.py:factory or package.module:factory.",
        show_default=False,
        autocompletion=_model_names,
    ),
]
_Method = Annotated[
    str,
    declared.Option(
        "--method -m",
        help="'costmodel methods' lists them.",
        rich_help_panel=_METHOD,
        autocompletion=_method_names,
    ),
]
_Models = Annotated[
    list[str],
    declared.Argument(
        help="One or more models, as for 'estimate'.",
        metavar="MODEL...",
        show_default=False,
        autocompletion=_model_names,
    ),
]
_Methods = Annotated[
    list[str] | None,
    declared.Option(
        "--method -m",
        help="A method, or several separated by commas; may be given again (the five of the contract if left out).",
        rich_help_panel=_METHOD,
        show_default=False,
        autocompletion=_method_names,
    ),
]


@cache
def parameters() -> tuple[inspect.Parameter, ...]:
    """Make the options of a cell from the axes and the fields of `PANELS`."""
    sizes = [_made(name, axis, str, panel=_SIZES) for name, axis in SIZES.items()]
    return (*sizes, *(made for panel, choices in PANELS.items() for made in options_for(panel, choices)))


def options_for(panel: str, choices: type[Choices]) -> list[inspect.Parameter]:
    """Make an option of each field, under a heading."""
    return [_made(name, each, each.kind.typed, panel=panel) for name, each in options_of(choices).items()]


def _made(name: str, each: Axis | Option, typed: Any, panel: str) -> inspect.Parameter:
    """Make an option of the command line, which shows its default where that is short to say."""
    told = declared.Option(each.flag, help=each.about, rich_help_panel=panel, show_default=each.default_shown)
    if typed is bool:
        return _parameter(name, False, Annotated[bool, told])
    if each.default_shown:
        return _parameter(name, str(each.default), Annotated[typed, told])
    return _parameter(name, None, Annotated[typed | None, told])


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what is not at its default."""
    return {each.name: given[each.name] for each in parameters() if given[each.name] != each.default}


def _spread(
    command: Callable[..., None], shared: Sequence[inspect.Parameter], gather: Callable[[dict[str, Any]], Any]
) -> Callable[..., None]:
    """Put parameters in the place of a command's first one, which gets what ``gather`` makes of them."""
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in declared.parameters_of(command)[1:]]
    names = [parameter.name for parameter in shared]

    @wraps(command)
    def spread(**given: Any) -> None:
        command(gather({name: given.pop(name) for name in names}), **given)

    return declared.taking([*shared, *own], spread)
