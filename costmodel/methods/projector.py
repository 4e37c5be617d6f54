"""galore_torch 1.0 projects matrices only: a projector that shows it a convolution's gradient as one."""

from __future__ import annotations

import torch
from galore_torch.galore_projector import GaLoreProjector


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
