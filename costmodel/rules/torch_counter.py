"""Convention ``torch``: the installed torch's own formulas, evaluated on symbolic shapes.

The formulas of ``torch.utils.flop_counter.flop_registry`` only multiply and add extents, so they are called as they
are, with polynomials for extents. Whatever they get wrong (the grouped weight gradient) is therefore reproduced, in
the version that is installed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from costmodel.rules.call import Call, Extent, Tensor
from costmodel.rules.registry import registered


class _Shaped:
    """Stands for a tensor where a formula reads ``.shape`` itself."""

    def __init__(self, dims: tuple[Extent, ...]) -> None:
        self.shape = list(dims)


def count(call: Call) -> Extent:
    """FLOPs of one call as torch's flop counter counts it; 0 for an operator that it does not know."""
    if own := registered("torch", call.packet):
        return sum(own(call).values())
    namespace, _, operator = call.packet.rpartition("::")
    packet = getattr(getattr(torch.ops, namespace or "aten"), operator, None)
    formula = flop_registry.get(packet)
    if formula is None:
        return 0
    raw = not hasattr(formula, "__wrapped__")

    def show(value: Any) -> Any:
        if isinstance(value, Tensor):
            return _Shaped(value.dims) if raw else list(value.dims)
        if isinstance(value, tuple):
            return [show(item) for item in value]
        return value

    outputs = [show(output) for output in call.outputs]
    flops: Extent = formula(
        *(show(value) for value in call.args),
        **{name: show(value) for name, value in call.kwargs.items()},
        out_val=outputs[0] if len(outputs) == 1 else outputs,
    )
    return flops
