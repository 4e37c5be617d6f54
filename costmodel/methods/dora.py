"""DoRA: LoRA on the direction of the weights, and their magnitude."""

from __future__ import annotations

from functools import partial

from costmodel.methods.adapters import low_rank
from costmodel.methods.lora import SUPPORTED, settings
from costmodel.methods.method import Reach

METHOD = low_rank(
    "dora",
    "LoRA's factors and a magnitude per output channel",
    "peft LoRA with use_dora=True",
    "LoraConfig",
    partial(settings, dora=True),
    SUPPORTED,
    splits="Nr",
    reach=Reach.DECOMPOSED,
    look=3,
)
