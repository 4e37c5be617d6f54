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


@cache
def torchvision_models() -> ModuleType:
    """Import ``torchvision.models``, also where torchvision's compiled extension cannot load.

    The registry's torchvision wheel is built against a CUDA torch. On a CPU-only torch its extension does not load, and
    ``import torchvision`` fails because it registers fake kernels for two operators the extension would have defined.
    Defining their schemas first makes every classification model usable; the operators themselves stay unusable.
    """
    try:
        return importlib.import_module("torchvision.models")
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
    with quiet():
        return importlib.import_module("torchvision.models")


_keep: list[torch.library.Library] = []
"""Libraries undo their definitions when they are collected."""


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the warnings that transformers and bitsandbytes log while peft or galore_torch import them.

    They are about kernels and deprecations that have no part in a cost.
    """
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
