"""LoRA adapters and 8- or 4-bit weights on a network, and the plain weights that come out of both."""

import logging
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lofi.network.network import LofiNetwork
from lofi.network.weights import unshared
from train.pretraining.recipe import Lora, Recipe
from train.pretraining.separate import split_attention, together

QUANTISED = ("SCB", "weight_format", "absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state")
QUANTISED_LAYERS = ("Linear8bitLt", "Linear4bit")


def quantise(model: nn.Module, bits: int) -> None:
    """Replace the linear layers of a transformers model by bitsandbytes layers of ``bits`` 8 (LLM.int8) or 4 (NF4).

    In memory and in place, so that one way serves fresh weights, the hub, GGUF and LoFi checkpoints alike;
    ``from_pretrained`` only quantises what it loads itself. The tied embedding and head stay as they are.
    """
    import bitsandbytes as bnb
    from transformers import BitsAndBytesConfig
    from transformers.integrations.bitsandbytes import replace_with_bnb_linear

    if bits not in (8, 4):
        raise ValueError(f"bitsandbytes stores weights in 8 or 4 bits, not {bits}")
    settings = (
        BitsAndBytesConfig(load_in_8bit=True)
        if bits == 8
        else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    )
    full = {name: module for name, module in model.named_modules() if type(module) is nn.Linear}
    replace_with_bnb_linear(model, modules_to_not_convert=["lm_head"], quantization_config=settings)
    for name, module in model.named_modules():
        old = full.get(name)
        if old is None or not isinstance(module, bnb.nn.Linear8bitLt | bnb.nn.Linear4bit):
            continue
        data, device = old.weight.data, old.weight.device
        if bits == 8:
            weight: Any = bnb.nn.Int8Params(data.cpu(), requires_grad=False, has_fp16_weights=False)
        else:
            weight = bnb.nn.Params4bit(data.cpu(), requires_grad=False, quant_type="nf4")
        module.weight = weight
        module.bias = old.bias
        module.to(device)  # the move is what quantises
    model.is_loaded_in_8bit, model.is_loaded_in_4bit = bits == 8, bits == 4  # type: ignore[assignment]


def add_lora(model: nn.Module, lora: Lora) -> int:
    """Freeze ``model``, put adapters on the layers that the recipe names, return their number.

    Raises ValueError when no layer has such a name, or one is a torch MultiheadAttention: peft 0.21.2 adds the output
    projection's change twice there, and merges and unmerges at every step, so that frozen weights drift.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention) and re.fullmatch(lora.layers, name):
            raise ValueError(f"{name} is a fused attention, which cannot be adapted: name linear layers only")
    model.requires_grad_(False)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=lora.layers)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advises a download at every 4-bit layer
    inject_adapter_in_model(config, model)
    found = sum(isinstance(module, LoraLayer) for module in model.modules())
    if not found:
        raise ValueError(f"no layer is named as {lora.layers!r}")
    return found


def adapt(network: LofiNetwork, recipe: Recipe) -> None:
    """Quantise the language model, take attention apart and add the adapters that the recipe asks for."""
    if recipe.split_attention:
        for tower in (network.image.visual.trunk, network.text):
            split_attention(tower)
    if recipe.bits != 32:
        quantise(network.language.model, recipe.bits)
    parts = (
        (network.image.visual.trunk, recipe.image_lora),
        (network.text, recipe.text_lora),
        (network.language.model, recipe.language_lora),
    )
    for part, lora in parts:
        if lora is not None:
            add_lora(part, lora)


@torch.no_grad()
def plain_state(network: LofiNetwork, values: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights as a network without adapters and quantisation has them: what a checkpoint stores.

    ``values`` stand for the network's own state, such as averages or what was gathered of the processes.
    """
    from peft.tuners.lora import LoraLayer
    from peft.utils.integrations import dequantize_module_weight

    values = unshared(network) if values is None else values
    changed: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        if isinstance(module, LoraLayer):
            base = module.get_base_layer()
            low = type(base).__name__ in QUANTISED_LAYERS
            weight = dequantize_module_weight(base) if low else values[f"{name}.base_layer.weight"]
            up, down = (values[f"{name}.lora_{part}.default.weight"].float() for part in "BA")
            changed[f"{name}.weight"] = weight.float().to(up.device) + up @ down * module.scaling["default"]
        elif type(module).__name__ in QUANTISED_LAYERS and not name.endswith(".base_layer"):
            changed[f"{name}.weight"] = dequantize_module_weight(module).float()
    kept = {}
    for name, value in values.items():
        parts = name.split(".")
        if any(part.startswith("lora_") for part in parts) or parts[-1] in QUANTISED or "bitsandbytes" in name:
            continue
        kept[name.replace(".base_layer", "")] = value
    return together({name: changed.get(name, value) for name, value in kept.items()} | changed)
