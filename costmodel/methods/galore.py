"""GaLore through the real galore_torch package, with a thin adapter for convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costmodel.contract import DEFAULTS, UPDATE_GAP
from costmodel.methods.freezing import everything
from costmodel.methods.method import Method, Options, Reach

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from costmodel.cell.training import Training


def _optimizer(model: nn.Module, rank: int | None, options: Options, _training: Training) -> Optimizer:
    """GaLoreAdamW with two parameter groups: fewer than 2 dims plain, the others projected.

    The optimizer makes a projector only where a parameter's state has none; each gets one that flattens first.
    """
    # Importing galore_torch loads transformers and bitsandbytes: only when GaLore is asked for.
    from costmodel.compat import careful_imports

    with careful_imports():
        from galore_torch import GaLoreAdamW

        from costmodel.methods.projector import FlatteningProjector

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    vectors = [parameter for parameter in trainable if parameter.dim() < 2]
    matrices = [parameter for parameter in trainable if parameter.dim() >= 2]
    settings: dict[str, Any] = {
        "update_proj_gap": options.update_gap,
        "scale": options.scale,
        "proj_type": options.projection,
    }
    groups = [{"params": vectors}, {"params": matrices, "rank": rank, **settings}]
    result: Optimizer = GaLoreAdamW([group for group in groups if group["params"]], no_deprecation_warning=True)
    for parameter in matrices:
        result.state[parameter]["projector"] = FlatteningProjector(rank, **settings)
    return result


METHOD = Method(
    "galore",
    "every parameter; matrices through a rank-r projection of the gradient",
    f"galore_torch GaLoreAdamW, T = {UPDATE_GAP}, scale 0.25, projection std",
    everything,
    _optimizer,
    rank=DEFAULTS["r"],
    packages=("galore-torch",),
    options=("update_gap", "projection", "scale"),
    refreshes=True,
    optimizer_name="galore_adamw",
    reach=Reach.PROJECTED,
    look=4,
)
