"""LoHa: Hadamard products of low-rank factors."""

from __future__ import annotations

from costmodel.methods.adapters import LYCORIS, low_rank, lycoris

METHOD = low_rank(
    "loha",
    "Hadamard products of two low-rank factorisations",
    "peft LoHa, alpha = r",
    "LoHaConfig",
    lycoris,
    LYCORIS,
    look=7,
)
