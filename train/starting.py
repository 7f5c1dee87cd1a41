"""Where the small model's parts start from: ImageNet's EfficientNet-lite0, MiniLM with a pruned vocabulary."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from lofi.config import ModelConfig
from lofi.network import LofiNetwork
from train.vocabulary import minilm_folder


def sized(config: ModelConfig, text_vocabulary: int, language_vocabulary: int) -> ModelConfig:
    """The configuration with both vocabulary sizes filled in."""
    tower = dict(config.text.open_clip)
    tower["hf_config"] = {**tower["hf_config"], "vocab_size": text_vocabulary}
    language = {**config.language.transformers, "vocab_size": language_vocabulary}
    return replace(
        config,
        text=replace(config.text, open_clip=tower),
        language=replace(config.language, transformers=language),
    )


def load_image_tower(network: LofiNetwork, weights: Path) -> None:
    """The weights of timm into the trunk; the classifier, which LoFi has not, is left out."""
    state = {name: value for name, value in load_file(weights).items() if not name.startswith("classifier.")}
    network.image.visual.trunk.load_state_dict(state)


def load_text_tower(network: LofiNetwork, kept: Sequence[int]) -> None:
    """MiniLM's weights, its embedding cut to the ``kept`` ids and its positions to the tower's."""
    tower = network.text.transformer
    state = {
        name.removeprefix("bert."): value for name, value in load_file(minilm_folder() / "model.safetensors").items()
    }
    state = {name: value for name, value in state.items() if not name.startswith(("pooler.", "cls."))}
    state.pop("embeddings.position_ids", None)
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][torch.tensor(kept)]
    places = tower.config.max_position_embeddings
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:places]
    tower.load_state_dict(state)


@torch.no_grad()
def adapt_batch_norm(network: LofiNetwork, batches: Sequence[torch.Tensor]) -> None:
    """Replace ImageNet's batch statistics by those of chest films (B, S, S), averaged over the batches.

    They stay fixed afterwards: a batch of 32 with six strata is too uneven to re-estimate them at every step.
    """
    layers = [module for module in network.image.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
        layer.train()
    for canvases in batches:
        network.image(network.normalise(canvases))
    for layer in layers:
        layer.eval()
