"""Work-arounds for the packages we stand on, each with its reason, in one place."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import torch

_OPERATORS = (
    ("nms", "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ("qnms", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
)


@contextmanager
def quiet(level: int = logging.CRITICAL) -> Iterator[None]:
    """Hold back what Python warns about and packages log up to a level: standard error is ours."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def careful_imports() -> Iterator[None]:
    """Import peft, galore_torch or torchvision inside this.

    transformers, which the first two load, imports torchvision in turn, so that has to work first. What these packages
    log and warn about while they load (kernels, deprecations) has no part in a cost and is held back.
    """
    with quiet(logging.ERROR):
        _make_torchvision_importable()
        yield


@cache
def _make_torchvision_importable() -> None:
    """Import torchvision, also where its compiled extension cannot load.

    The registry's torchvision wheel is built against a CUDA torch. On a CPU-only torch its extension does not load, and
    ``import torchvision`` fails because it registers fake kernels for two operators the extension would have defined.
    Defining their schemas first makes every classification model usable; the operators themselves stay unusable.
    """
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator, schema in _OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            library.define(schema)
    _keep.append(library)
    importlib.import_module("torchvision")


def torchvision_models() -> ModuleType:
    """Return ``torchvision.models``."""
    with careful_imports():
        return importlib.import_module("torchvision.models")


_keep: list[torch.library.Library] = []
"""Libraries undo their definitions when they are collected."""
