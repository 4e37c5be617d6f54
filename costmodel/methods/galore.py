"""GaLore through the real galore_torch package, with a thin adapter for convolutions.

``galore_torch`` 1.0 projects matrices only. Importing it loads transformers and bitsandbytes, so this module is
imported only when GaLore is asked for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn, optim

from costmodel.compat import careful_imports
from costmodel.contract import UPDATE_GAP

with careful_imports():
    from galore_torch import GaLoreAdamW
    from galore_torch.galore_projector import GaLoreProjector

SCALE = 0.25
PROJECTION = "std"


class FlatteningProjector(GaLoreProjector):  # type: ignore[misc]  # galore_torch ships no types
    """Shows a gradient to GaLore's projector as a matrix (dim 0, the rest) and shapes its answer back."""

    def project(self, full_rank_grad: torch.Tensor, iter: int) -> torch.Tensor:  # noqa: A002  # galore_torch's name
        """Project the gradient to its low-rank form."""
        self.shape = full_rank_grad.shape
        flat = full_rank_grad.reshape(full_rank_grad.shape[0], -1)
        projected: torch.Tensor = super().project(flat, iter)
        return projected

    def project_back(self, low_rank_grad: torch.Tensor) -> torch.Tensor:
        """Project the low-rank update back to the parameter's shape."""
        update: torch.Tensor = super().project_back(low_rank_grad)
        return update.reshape(self.shape)


def adapt(model: nn.Module, name: str, rank: int | None) -> nn.Module:
    """Train every parameter: nothing to change in the model."""
    return model


def optimizer(model: nn.Module, rank: int | None) -> optim.Optimizer:
    """GaLoreAdamW with two parameter groups: fewer than 2 dims plain, the others projected."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    vectors = [parameter for parameter in trainable if parameter.dim() < 2]
    matrices = [parameter for parameter in trainable if parameter.dim() >= 2]
    settings: dict[str, Any] = {"rank": rank, "update_proj_gap": UPDATE_GAP, "scale": SCALE, "proj_type": PROJECTION}
    result: optim.Optimizer = GaLoreAdamW(
        [{"params": vectors}, {"params": matrices, **settings}], no_deprecation_warning=True
    )
    for parameter in matrices:
        # The optimizer makes a projector only where the state has none.
        result.state[parameter]["projector"] = FlatteningProjector(
            rank, update_proj_gap=UPDATE_GAP, scale=SCALE, proj_type=PROJECTION
        )
    return result
