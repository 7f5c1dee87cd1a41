"""One pass of a Llama without the bookkeeping that transformers does round it: its modules, called one after another.

A small model spends more time between its layers than in them: a step of one id took 10 ms with transformers' own
``forward`` and takes 2 ms here. The weights stay where they are, so that adapters, quantised layers and training see
no difference; what other kinds of models do differently is left to transformers (``runs``).
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def runs(model: nn.Module) -> bool:
    """Whether ``run`` does what the causal model's own ``forward`` does."""
    from transformers import LlamaForCausalLM
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    return type(model) is LlamaForCausalLM and type(model.model.norm) is LlamaRMSNorm


def run(model: nn.Module, embeddings: Tensor, positions: Tensor, mask: Tensor | None, cache: Any) -> Tensor:
    """(B, T, W) last hidden states of (B, T, W) further embeddings at (B, T) positions; ``cache`` grows by them.

    ``mask`` (…, T, past + T) is added to the attention; without one each place sees all before it and itself.
    """
    inner = cast(Any, model).model
    cos, sin = (part[:, None] for part in inner.rotary_emb(embeddings, position_ids=positions))
    past, count = cache.get_seq_length(), embeddings.shape[1]
    if mask is None and past and count > 1:
        places = torch.arange(past + count, device=embeddings.device)
        mask = places <= places[past:, None]
    causal, hidden = mask is None and count > 1, embeddings
    for layer, held in zip(inner.layers, range(len(inner.layers)), strict=True):
        attention, mlp = layer.self_attn, layer.mlp
        normal = _norm(layer.input_layernorm, hidden)
        query, key, value = (
            part(normal).unflatten(2, (-1, attention.head_dim)).transpose(1, 2)
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        keys, values = cache.update(_turned(key, cos, sin), value, held)
        seen = functional.scaled_dot_product_attention(
            _turned(query, cos, sin),
            keys,
            values,
            attn_mask=mask,
            is_causal=causal,
            scale=attention.scaling,
            enable_gqa=attention.num_key_value_groups > 1,
        )
        hidden = hidden + attention.o_proj(seen.transpose(1, 2).flatten(2))
        normal = _norm(layer.post_attention_layernorm, hidden)
        hidden = hidden + mlp.down_proj(mlp.act_fn(mlp.gate_proj(normal)) * mlp.up_proj(normal))
    return _norm(inner.norm, hidden)


def _norm(norm: Any, hidden: Tensor) -> Tensor:
    return functional.rms_norm(hidden, (hidden.shape[-1],), norm.weight, norm.variance_epsilon)


def _turned(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(B, heads, T, d) queries or keys turned by their places (RoPE, arXiv 2104.09864), halves paired."""
    first, second = states.chunk(2, -1)
    return states * cos + torch.cat([-second, first], -1) * sin
