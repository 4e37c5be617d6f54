"""Small models beyond torchvision, built from a configuration, without a download: ``validate.examples:llama``."""

from __future__ import annotations

from typing import Any

from torch import nn

from costmodel.compat import careful_imports

SMALL: dict[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def llama() -> nn.Module:
    """Return a Llama of two layers, grouped-query attention included: input ``input_ids=S:int64``."""
    with careful_imports():
        from transformers import LlamaConfig, LlamaForCausalLM

    model: nn.Module = LlamaForCausalLM(LlamaConfig(**SMALL, num_key_value_heads=2, use_cache=False))
    return model


def bert() -> nn.Module:
    """Return a BERT classifier of two layers, dropout off: input ``input_ids=S:int64,attention_mask=S:int64``."""
    with careful_imports():
        from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(**SMALL, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config.num_labels = 3
    model: nn.Module = BertForSequenceClassification(config)
    return model
