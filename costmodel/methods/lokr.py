"""LoKr: Kronecker products with a low-rank factor."""

from __future__ import annotations

from costmodel.methods.adapters import LYCORIS, low_rank, lycoris

METHOD = low_rank(
    "lokr", "Kronecker products with a low-rank factor", "peft LoKr, alpha = r", "LoKrConfig", lycoris, LYCORIS, look=8
)
