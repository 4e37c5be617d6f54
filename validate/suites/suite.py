"""Named lists of cells to validate; `validate.suites.plan` knows those of a user's file too."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.cell.subjects import model_table
from costmodel.errors import unknown
from costmodel.methods import METHODS, PAPER
from validate.cell import CellSpec

PAPER_MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18")
TABLE_MODELS = ("mobilenet_v2", "resnet18")
"""The models that every optimizer, loss, precision and option is validated on."""

NEAR = {"N": 2, "H": 97, "W": 129, "r": 3}
FAR = {"N": 3, "H": 160, "W": 113, "r": 6}
"""Two points that differ in every symbol; sides are rounded up where a model takes only some."""

VIDEO = {
    "": ({"H": 64, "W": 81}, {"H": 97, "W": 72}),
    "s3d": ({"H": 224, "W": 230}, {"H": 241, "W": 224}),  # its last pooling wants 7 x 7
}
"""Sides for video models, smaller: they have frames too."""

HELD_OUT = {
    "mobilenet_v3_large": (56, 224),
    "efficientnet_b0": (4, 224),
    "shufflenet_v2_x1_0": (12, 224),
    "squeezenet1_1": (6, 224),
    "mnasnet1_0": (6, 192),
    "googlenet": (4, 224),
    "densenet121": (2, 224),
    "regnet_y_400mf": (4, 224),
    "resnet50": (2, 224),
    "resnet34": (4, 160),
    "alexnet": (1, 224),
    "vit_b_16": (1, 224),
    "swin_t": (1, 224),
}
"""Batch and side at which a model's process is measured."""

TEXT_MODELS = {
    "validate.examples:llama": "input_ids=S:int64",
    "validate.examples:bert": "input_ids=S:int64,attention_mask=S:int64",
}

TRAININGS = (
    *({"optimizer": name} for name in ("sgd", "sgd_momentum", "adam", "adafactor", "rmsprop", "adagrad")),
    {"loss": "cross_entropy"},
    {"dtype": "bfloat16"},
    {"autocast": "bfloat16"},
    {"accumulate": 3},
    {"checkpoint": True},
)
OPTIONS = (
    ("lora", {"targets": r"features\.[24]\.conv\.0\.0|layer[24].*conv1", "alpha": 16}),
    ("lora", {"rank_pattern": (("fc|classifier.1", 8),)}),
    ("lora", {"train_head": True}),
    ("galore", {"projection": "reverse_std"}),
    ("galore", {"projection": "left"}),
    ("galore", {"projection": "right"}),
    ("galore", {"projection": "full"}),
    ("galore", {"update_gap": 1, "scale": 1.0}),
)


def _kinds(kind: str) -> list[str]:
    """Name the models of the table that are of a kind, aliases and refused ones left out."""
    return [
        name
        for name, row in model_table().items()
        if row.get("kind", "classification") == kind and "alias_of" not in row
    ]


def _paper() -> Iterator[CellSpec]:
    for model in PAPER_MODELS:
        for method in PAPER:
            yield CellSpec(model, method, _ranked(method, {"N": 1, "H": 224, "W": 224, "r": 4}))


def _ranked(method: str, point: dict[str, int]) -> dict[str, int]:
    return point if METHODS[method].ranked else {axis: value for axis, value in point.items() if axis != "r"}


def _two_points(model: str, method: str, **how: object) -> Iterator[CellSpec]:
    lattice = model_table().get(model, {}).get("lattice", {})
    only, multiple = lattice.get("only"), lattice.get("multiple", 1)
    near, far = dict(NEAR), dict(FAR)
    if "frames" in model_table().get(model, {}):
        near |= VIDEO.get(model, VIDEO[""])[0]
        far |= VIDEO.get(model, VIDEO[""])[1]
    if only:
        near |= {"H": only, "W": only}
        far |= {"H": only, "W": only}
    elif lattice:
        steps = -(-near["H"] // multiple), max(-(-far["H"] // multiple), -(-near["H"] // multiple) + 1)
        near |= {"H": steps[0] * multiple, "W": steps[0] * multiple}
        far |= {"H": steps[1] * multiple, "W": steps[1] * multiple}
    for point in (near, far):
        yield CellSpec(model, method, _ranked(method, point), **how)  # type: ignore[arg-type]  # fields of CellSpec


def _zoo() -> Iterator[CellSpec]:
    for model in _kinds("classification"):
        for method in PAPER:
            yield from _two_points(model, method)


def _settings() -> Iterator[CellSpec]:
    for model in TABLE_MODELS:
        for training in TRAININGS:
            for method in ("fft", "lora"):
                yield from _two_points(model, method, training=training)
        for method, options in OPTIONS:
            yield from _two_points(model, method, options=options)
        for method in METHODS:
            if method not in PAPER:
                yield from _two_points(model, method)


def _tasks() -> Iterator[CellSpec]:
    """Models of other tasks, and what a model by name can be told beside its method."""
    for kind in ("segmentation", "video"):
        for model in _kinds(kind):
            for method in PAPER:
                yield from _two_points(model, method)
    for model, inputs in TEXT_MODELS.items():
        for method in ("fft", "lora", "dora", "bitfit"):
            for point in ({"N": 2, "S": 17, "r": 3}, {"N": 3, "S": 40, "r": 6}):
                yield CellSpec(model, method, _ranked(method, point), inputs=inputs)
    for method in ("fft", "lora"):
        for sizes in ({"N": 2, "H": 299, "W": 299, "r": 3}, {"N": 3, "H": 320, "W": 310, "r": 6}):
            for model in ("googlenet", "inception_v3"):
                yield CellSpec(model, method, _ranked(method, sizes), aux=True)
    grouped = {"targets": r"features\.1\.conv\.0\.0"}
    for sizes in ({"N": 2, "H": 97, "W": 129, "r": 32}, {"N": 3, "H": 160, "W": 113, "r": 64}):
        yield CellSpec("mobilenet_v2", "lora", sizes, options=grouped)


def _process() -> Iterator[CellSpec]:
    """Models that nothing of the process estimate was fitted to, at batches that need 100 MiB to 4 GiB."""
    for model, (batch, side) in HELD_OUT.items():
        for method in PAPER:
            more = 4 if method == "bn_head" else 1  # it keeps few activations
            yield CellSpec(
                model, method, _ranked(method, {"N": batch * more, "H": side, "W": side, "r": 4}), depth="process"
            )


def _clock() -> Iterator[CellSpec]:
    """The cells on which the estimate of seconds is judged."""
    from validate.host.timings import CELLS

    for model, method, batch, side in CELLS:
        assert isinstance(model, str)
        yield CellSpec(model, method, _ranked(method, {"N": batch, "H": side, "W": side, "r": 4}), depth="time")


SUITES = {"process": _process, "clock": _clock, "tasks": _tasks, "paper": _paper, "zoo": _zoo, "settings": _settings}


def cells(name: str) -> tuple[CellSpec, ...]:
    """Return the cells of a suite.

    Raises:
        InputError: for a suite that is not known.
    """
    if name not in SUITES:
        raise unknown("suite", name, SUITES)
    return tuple(SUITES[name]())
