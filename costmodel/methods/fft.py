"""Full fine-tuning."""

from __future__ import annotations

from costmodel.methods.freezing import everything
from costmodel.methods.method import Method, Reach

METHOD = Method("fft", "every parameter", "torch.optim.AdamW", everything, reach=Reach.EVERY_WEIGHT, look=0)
