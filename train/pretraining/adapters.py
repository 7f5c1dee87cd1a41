"""LoRA adapters and 8- or 4-bit weights on a network, and the plain weights that come out of both."""

import logging
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lofi.network.network import LofiNetwork
from lofi.network.weights import unshared
from train.pretraining.recipe import Lora, Recipe
from train.pretraining.separate import split_attention, together

QUANTISED = ("SCB", "weight_format", "absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state")
QUANTISED_LAYERS = ("Int8Linear", "Linear4bit")


def quantise(
    model: nn.Module, bits: int, threshold: float = 0.0, compute: torch.dtype = torch.float32, keep: str = "lm_head"
) -> None:
    """Replace the linear layers of a transformers model by bitsandbytes layers of ``bits`` 8 (LLM.int8) or 4 (NF4).

    In memory and in place, on the device where the model lies, so that one way serves fresh weights, the hub, GGUF and
    LoFi checkpoints alike; ``from_pretrained`` only quantises what it loads itself. The tied embedding and head
    (``keep``) stay as they are. Raises ValueError for another number of bits.
    """
    if bits not in (8, 4):
        raise ValueError(f"bitsandbytes stores weights in 8 or 4 bits, not {bits}")
    from train.pretraining.low_bits import low_layer

    for name, module in list(model.named_modules()):
        if type(module) is nn.Linear and name.rpartition(".")[2] != keep:
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, low_layer(module, bits, threshold, compute))
    model.is_loaded_in_8bit, model.is_loaded_in_4bit = bits == 8, bits == 4  # type: ignore[assignment]


def halve(model: nn.Module) -> None:
    """Hold the frozen weights of linear, convolution and embedding layers in bfloat16: no cast of them in any step.

    Norms stay in float32, where autocast computes them; so does everything that trains, adapters above all: a step of
    the optimiser is smaller than what bfloat16 tells apart.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding | nn.MultiheadAttention):
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad and parameter.is_floating_point():  # 8 and 4 bits stay as they are
                    parameter.data = parameter.data.to(torch.bfloat16)


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
    if recipe.bits in (8, 4):
        compute = torch.float32 if recipe.precision == "float32" else torch.bfloat16
        quantise(network.language.model, recipe.bits, recipe.int8_threshold, compute)
    parts = (
        (network.image.visual.trunk, recipe.image_lora),
        (network.text, recipe.text_lora),
        (network.language.model, recipe.language_lora),
    )
    for part, lora in parts:
        if lora is not None:
            add_lora(part, lora)
    if recipe.bits < 32 and recipe.precision == "bf16":
        halve(network)


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
