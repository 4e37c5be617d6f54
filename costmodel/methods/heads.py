"""The head of a model: the layer that makes predictions of its features, by the name it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.errors import NotApplicableError

if TYPE_CHECKING:
    from torch import nn

HEAD_NAMES = ("classifier", "fc", "head", "heads")


def head_name(model: nn.Module, wanted_by: str) -> str:
    """Return the name of the model's head: the first of `HEAD_NAMES` that it has.

    Raises:
        NotApplicableError: when it has none of them.
    """
    from torch import nn

    for name in HEAD_NAMES:
        if isinstance(getattr(model, name, None), nn.Module):
            return name
    raise NotApplicableError(f"{wanted_by} needs a head: {type(model).__name__} has none of {', '.join(HEAD_NAMES)}")
