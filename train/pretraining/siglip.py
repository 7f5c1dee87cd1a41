"""Weights of Hugging Face's ``SiglipModel`` (SigLIP 2 of any size, MedSigLIP, the paper's release) in LoFi's towers.

The towers are timm's vision transformer with attention pooling and open_clip's text transformer: the same layers
under other names, three projections in one. timm's B, L and so400m/14 compute the exact GELU where transformers
approximates it by tanh; so400m/16 does as transformers.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

State = dict[str, Tensor]
_BLOCK = re.compile(r"(vision_model|text_model)\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_IN_BLOCK = {
    "vision_model": {
        "layer_norm1": "norm1",
        "layer_norm2": "norm2",
        "self_attn.out_proj": "attn.proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    },
    "text_model": {
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "self_attn.out_proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    },
}
_FUSED = {"vision_model": ("trunk.blocks.{}.attn.qkv.{}",), "text_model": ("transformer.resblocks.{}.attn.in_proj_{}",)}
_STACK = {"vision_model": "trunk.blocks.{}.{}.{}", "text_model": "transformer.resblocks.{}.{}.{}"}
_OTHERS = {
    "vision_model.embeddings.patch_embedding": "trunk.patch_embed.proj",
    "vision_model.post_layernorm": "trunk.norm",
    "vision_model.head.attention.out_proj": "trunk.attn_pool.proj",
    "vision_model.head.layernorm": "trunk.attn_pool.norm",
    "vision_model.head.mlp.fc1": "trunk.attn_pool.mlp.fc1",
    "vision_model.head.mlp.fc2": "trunk.attn_pool.mlp.fc2",
    "text_model.final_layer_norm": "ln_final",
    "text_model.head": "text_projection",
}


def tower_state(state: Mapping[str, Tensor], part: str) -> State:
    """The weights of "vision_model" or "text_model" as open_clip's tower names them.

    Raises ValueError where a weight has no place there: the model is of another kind.
    """
    found: State = {}
    for name, value in state.items():
        if not name.startswith(f"{part}.") or name.endswith("position_ids"):
            continue
        if block := _BLOCK.fullmatch(name):
            _, number, layer, kind = block.groups()
            if layer.startswith("self_attn.") and layer != "self_attn.out_proj":
                _fuse(found, state, part, number, kind)
            elif layer in _IN_BLOCK[part]:
                found[_STACK[part].format(number, _IN_BLOCK[part][layer], kind)] = value
            else:
                raise ValueError(f"{name} has no place in the tower: expected the layers of a SiglipModel")
        else:
            found |= _other(name, value)
    return found


def _fuse(found: State, state: Mapping[str, Tensor], part: str, number: str, kind: str) -> None:
    """q, k and v of a block one below the other, once."""
    (place,) = _FUSED[part]
    name = place.format(number, kind)
    if name not in found:
        stem = f"{part}.encoder.layers.{number}.self_attn"
        found[name] = torch.cat([state[f"{stem}.{one}_proj.{kind}"] for one in "qkv"])


def _other(name: str, value: Tensor) -> State:
    """A weight outside the blocks."""
    stem, _, kind = name.rpartition(".")
    if stem in _OTHERS:
        return {f"{_OTHERS[stem]}.{kind}": value}
    if name == "vision_model.embeddings.position_embedding.weight":
        return {"trunk.pos_embed": value[None]}
    if name == "vision_model.head.probe":
        return {"trunk.attn_pool.latent": value}
    if name.startswith("vision_model.head.attention.in_proj_"):
        kind = name.rpartition("_")[2]
        width = len(value) // 3
        return {f"trunk.attn_pool.q.{kind}": value[:width], f"trunk.attn_pool.kv.{kind}": value[width:]}
    if name == "text_model.embeddings.token_embedding.weight":
        return {"token_embedding.weight": value}
    if name == "text_model.embeddings.position_embedding.weight":
        return {"positional_embedding": value}
    raise ValueError(f"{name} has no place in the tower: expected the layers of a SiglipModel")


def read_siglip(folder: str, **extra: Any) -> State:
    """The state of a ``SiglipModel`` of a folder or a hub id, in float32."""
    from transformers import SiglipModel

    return dict(SiglipModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **extra).state_dict())
