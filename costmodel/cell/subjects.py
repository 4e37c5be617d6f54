"""What is costed: a model by name, by factory, or an ``nn.Module`` of the caller's, rebuilt on meta or the CPU."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import specs
from costmodel.cell.inputs import ANY_SIDES, IMAGES, InputSpec, Lattice, TensorSpec, parse
from costmodel.cell.tensors import Emptied, emptied, keeps_values
from costmodel.contract import DEFAULT_CLASSES, Point
from costmodel.errors import InputError, shown, unknown
from costmodel.options import Choices, Kind, Switch, Whole, option

if TYPE_CHECKING:
    from torch import nn

MODELS = "models.json"
"""The table of models known by name, in the folder ``specs``; its head says what each field means."""

TIMM = "timm:"

LARGEST_WITH_DATA = 1024
"""Pixels a side up to which a model is made with data where it cannot be made without."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to cost.

    Attributes:
        name: the model's name, aliases resolved.
        classes: outputs of the head, ``None`` where the model decides.
        build: makes a fresh model on the given device (``"meta"`` or ``"cpu"``) for inputs of the sizes
            at the point; most models do not look at them.
        inputs: what the model takes.
        lattice: which heights and widths it takes.
        period: its cost has a closed form in H and W at their multiples of this only; elsewhere H and W are held.
        identity: all there is to know about the model, as plain data; ``None`` for code of the caller's, which may
            change between two calls and is not cached on disk.
        by_name: whether it is a model of ``specs/models.json``.
        packages: distributions beside torch and torchvision that it comes from.
    """

    name: str
    classes: int | None
    build: Callable[[str, Point], nn.Module]
    inputs: InputSpec = IMAGES
    lattice: Lattice = ANY_SIDES
    period: int = 1
    identity: Mapping[str, Any] | None = None
    by_name: bool = False
    packages: tuple[str, ...] = ()

    @property
    def closed(self) -> Lattice:
        """The heights and widths at which the cost has a closed form in them."""
        return self.lattice._replace(multiple=max(self.lattice.multiple, self.period))


class Shapes(Kind):
    """What a model takes, as text or as read."""

    def check(self, said: str, value: Any) -> str | InputSpec:
        """See `Kind`."""
        if not isinstance(value, (str, InputSpec)):
            raise InputError(f'{said}: expected sizes in quotes, such as "3x96x96" or "S:int64"')
        return value


@dataclass(frozen=True, slots=True)
class ModelOptions(Choices):
    """What can be said of a model beside its name.

    Attributes:
        inputs: what the model takes, see `costmodel.cell.inputs.parse`; images by default.
        classes: outputs of the head, for models by name.
        aux: whether auxiliary classifiers are part of the step, for models by name that have them.
    """

    inputs: str | InputSpec | None = option(
        None,
        Shapes(),
        "What the model takes, batch left out: 3x96x96, 3x16xHxW, S:int64, or name=S:int64,name=S:int64.",
        key="input",
    )
    classes: int = option(DEFAULT_CLASSES, Whole(), "Outputs of a named model's head.", default_shown=True)
    aux: bool = option(False, Switch(), "Train the auxiliary classifiers too.")


@cache
def model_table() -> dict[str, dict[str, Any]]:
    """Return the models known by name."""
    text = (specs.FOLDER / MODELS).read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)["models"]
    return table


def resolve(name: str) -> str:
    """Return the model that a name or alias stands for.

    Raises:
        InputError: for a name that is not known, with the nearest ones.
    """
    table = model_table()
    if name not in table:
        raise unknown("model", name, table)
    resolved: str = table[name].get("alias_of", name)
    return resolved


def find(
    model: str | nn.Module | Callable[[], nn.Module],
    classes: int = DEFAULT_CLASSES,
    inputs: str | InputSpec | None = None,
    aux: bool = False,
) -> Subject:
    """Return the subject of a name, a factory's address, a factory, or a module.

    Args:
        model: a name of ``specs/models.json``, ``timm:NAME``, ``path/to/file.py:factory``, ``package.module:factory``,
            a function without arguments that makes a module, or a module.
        classes: outputs of the head, for models by name.
        inputs: what the model takes, see `costmodel.cell.inputs.parse`; images by default.
        aux: whether auxiliary classifiers are part of the step, for models by name that have them.

    Raises:
        InputError: for anything else, and where a file, module, factory or name cannot be found.
    """
    spec = parse(inputs) if isinstance(inputs, str) else inputs
    if not isinstance(model, str):
        subject = _given(model)
    elif model.startswith(TIMM):
        subject = _from_timm(model.removeprefix(TIMM), classes)
    elif ":" in model or model.endswith(".py") or "/" in model:
        subject = _from_factory(_load(model), model)
    else:
        subject = named(model, classes, aux)
    if aux and not subject.by_name:
        raise InputError("--aux: only models by name have auxiliary classifiers to switch on")
    if classes != DEFAULT_CLASSES and subject.classes is None:
        raise InputError(f"--classes {classes}: {subject.name} decides on its outputs itself")
    return replace(subject, inputs=spec) if spec else subject


def named(name: str, classes: int = DEFAULT_CLASSES, aux: bool = False) -> Subject:
    """Return the torchvision model of that name or alias, without weights.

    Raises:
        InputError: for a name that is not known, one that cannot be costed, or ``aux`` where there is no such head.
    """
    resolved = resolve(name)
    row = model_table()[resolved]
    if "refused" in row:
        raise InputError(f"model '{resolved}': {row['refused']}")
    if aux and "aux" not in row:
        having = ", ".join(sorted(other for other, facts in model_table().items() if "aux" in facts))
        raise InputError(f"--aux: {resolved} has no auxiliary classifier; models that have one: {having}")
    fixed: dict[str, Any] = dict(row.get("arguments", {}))
    if "aux" in row:
        fixed[row["aux"]] = aux

    def make(point: Point) -> nn.Module:
        from costmodel.compat import torchvision_models

        sizes = {
            argument: [getattr(point, axis) for axis in axes] if len(axes) > 1 else getattr(point, axes)
            for argument, axes in row.get("sizes", {}).items()
        }
        made: nn.Module = torchvision_models().get_model(resolved, weights=None, num_classes=classes, **fixed, **sizes)
        return made

    identity = {"model": resolved, "classes": classes} | ({"aux": True} if aux else {})
    lattice = Lattice(**row.get("lattice", {}))
    return Subject(
        resolved, classes, _builder(make), _inputs(row), lattice, row.get("period", 1), identity, by_name=True
    )


def _inputs(row: Mapping[str, Any]) -> InputSpec:
    frames = row.get("frames")
    tensors = (TensorSpec((3, frames, "H", "W")),) if frames else IMAGES.tensors
    side = row.get("side", IMAGES.defaults["H"])
    return InputSpec(tensors, {"H": side, "W": side})


def _builder(make: Callable[[Point], nn.Module]) -> Callable[[str, Point], nn.Module]:
    """Let a model be made on either device: on meta, each parameter gives its memory back at once, if it can."""

    def build(device: str, point: Point) -> nn.Module:
        if device == "meta":
            made = _made_on_meta(make, point)
            return emptied(make(point) if made is None else made)
        return make(point).to(device)

    return build


def _made_on_meta(make: Callable[[Point], nn.Module], point: Point) -> nn.Module | None:
    """Make a model without data, or ``None`` where its constructor computes with its parameters.

    Then it has to be made with data, which is out of the question for the large sides that sizes are recognised by.
    Whatever else is wrong shows itself there.
    """
    try:
        with parameters_on_meta():
            return make(point)
    except Exception:  # whatever a constructor does with parameters that have no data
        if max(point.H or 0, point.W or 0) > LARGEST_WITH_DATA:
            raise
        return None


@contextmanager
def parameters_on_meta() -> Iterator[None]:
    """Move each parameter to the meta device as it is registered.

    Constructors that compute with tensors (regnet's widths) go on doing so on the CPU, where under
    ``torch.device("meta")`` they would fail.
    """
    import torch
    from torch import nn
    from torch.nn.parameter import is_lazy
    from torch.utils.weak import WeakIdKeyDictionary

    register = nn.Module.register_parameter
    moved = WeakIdKeyDictionary()

    def register_on_meta(self: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and parameter.device.type != "meta" and not is_lazy(parameter):
            if parameter not in moved:  # one parameter under two names stays one
                moved[parameter] = nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
            parameter = moved[parameter]
        register(self, name, parameter)

    nn.Module.register_parameter = register_on_meta  # type: ignore[method-assign,assignment]  # no hook replaces one
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]  # and back


def _from_timm(name: str, classes: int) -> Subject:
    try:
        with _imports():
            import timm
    except ImportError as error:
        raise InputError(f"model '{TIMM}{name}': timm is not installed; install it with: pip install timm") from error
    if not timm.is_model(name.split(".")[0]):
        raise unknown("timm model", name, timm.list_models())
    arguments: dict[str, Any] = {"pretrained": False, "num_classes": classes}
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # a tag that the model does not have
        raise InputError(f"model '{TIMM}{name}': {' '.join(str(error).split())}") from error
    channels, height, width = config.input_size if config else (3, 224, 224)
    # Models whose input size is fixed at construction say so; they take the resolution through their constructor.
    fixed = bool(config and config.fixed_input_size)

    def make(point: Point) -> nn.Module:
        sized: dict[str, Any] = {"img_size": (point.H, point.W)} if fixed else {}
        made: nn.Module = timm.create_model(name, **arguments, **sized)
        return made

    spec = InputSpec((TensorSpec((channels, "H", "W")),), {"H": height, "W": width})
    identity = {"timm": name, "classes": classes}
    return Subject(f"{TIMM}{name}", classes, _builder(make), spec, identity=identity, packages=("timm",))


@contextmanager
def _imports() -> Iterator[None]:
    from costmodel.compat import careful_imports

    with careful_imports():
        yield


def _load(address: str) -> Callable[[], nn.Module]:
    """Import the factory at ``path/to/file.py:name`` or ``package.module:name``."""
    place, colon, attribute = address.rpartition(":")
    if not colon:
        raise InputError(f"model '{address}': expected path/to/file.py:factory, a function that makes a module")
    try:
        with _imports():
            module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"model '{address}': importing {place} fails: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    factory = getattr(module, attribute, None)
    if factory is None:
        raise InputError(f"model '{address}': {place} has no '{attribute}'")
    if not callable(factory):
        raise InputError(
            f"model '{address}': '{attribute}' is {type(factory).__name__}, expected a function or a module"
        )
    return factory  # type: ignore[no-any-return]  # whatever the caller's file defines


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"model file '{path}' cannot be read: expected path/to/file.py:factory")
    name = f"_{path.stem}_of_the_user"  # which stands in nobody's way
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _importable(path.parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _importable(folder: Path) -> None:
    """Let the caller's modules import each other, when they are loaded and when their functions run."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def _load_module(name: str) -> Any:
    _importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise InputError(f"module '{name}' cannot be found: expected package.module:factory") from error
        raise


def _from_factory(factory: Callable[[], nn.Module], name: str) -> Subject:
    """Return a subject that calls ``factory`` for each build; a module in its place is copied."""
    if hasattr(factory, "named_parameters") and not isinstance(factory, type):
        return replace(_given(factory), name=name)

    def make(_point: Point) -> nn.Module:
        from torch import nn

        try:
            made = factory()
        except (Exception, SystemExit) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"model '{name}': calling it without arguments fails: {type(error).__name__}: {reason}"
            ) from error
        if not isinstance(made, nn.Module):
            raise InputError(f"model '{name}': it returns {type(made).__name__}, expected an nn.Module")
        return made

    return Subject(name, None, _builder(make))


def _given(model: Any) -> Subject:
    """Return a subject for the caller's own module, copied and never changed, or for a function that makes one.

    Only shapes are copied for a meta build: parameters and buffers of the copy hold no data.
    """
    if isinstance(model, type) or not hasattr(model, "named_parameters"):
        if callable(model):
            return _from_factory(model, getattr(model, "__name__", type(model).__name__))
        raise InputError(f"model {shown(repr(model), 60)}: expected a name, an nn.Module or a function that makes one")

    def build(device: str, _point: Point) -> nn.Module:
        memo: dict[int, Any] = {}
        if device == "meta":
            empty = Emptied()
            for tensor in (*model.parameters(), *model.buffers()):
                memo[id(tensor)] = empty(tensor) if not keeps_values(tensor) else tensor.clone()
        made: nn.Module = copy.deepcopy(model, memo)
        return made if device == "meta" else made.to(device)

    return Subject(type(model).__name__, None, build)
