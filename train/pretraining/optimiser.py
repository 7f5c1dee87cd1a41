"""AdamW with one learning rate a part, linear warm-up and cosine decay, and an exponential moving average."""

import math

import torch

from lofi.network.network import LofiNetwork
from train.pretraining.recipe import Recipe
from train.pretraining.sharding import local


def freeze(network: LofiNetwork, recipe: Recipe) -> None:
    """Switch off gradients of what the recipe leaves alone: early stages, early text layers, parts with rate 0.

    The first stages of an ImageNet network are edge filters that serve as they are, and they cost half of the
    backward pass.
    """
    trunk, rates = network.image.visual.trunk, recipe.rates
    if recipe.frozen_stages:
        stem = (trunk.conv_stem, trunk.bn1) if hasattr(trunk, "conv_stem") else (trunk.patch_embed,)
        for module in (*stem, *trunk.blocks[: recipe.frozen_stages]):
            module.requires_grad_(False)
    if recipe.trained_text_layers is not None:
        tower = network.text.transformer
        encoder = hasattr(tower, "encoder")
        layers = tower.encoder.layer if encoder else tower.resblocks
        words = tower.embeddings if encoder else network.text.token_embedding
        for module in (words, *layers[: len(layers) - recipe.trained_text_layers]):
            module.requires_grad_(False)
    for part, rate in ((trunk, rates.image), (network.text, rates.text), (network.language, rates.language)):
        if rate == 0:
            part.requires_grad_(False)


def rate_of(name: str, recipe: Recipe) -> float:
    """Peak rate of a parameter by its name."""
    rates = recipe.rates
    if name.startswith("image.visual.trunk"):
        return rates.image
    if name.startswith(("text.transformer", "text.token_embedding", "text.positional", "text.ln_final")):
        return rates.text
    return rates.language if name.startswith("language.") and rates.language is not None else rates.new


def optimiser(network: LofiNetwork, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over everything that trains; no decay on vectors and scalars."""
    groups: dict[tuple[float, float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        # Scalars apart: they are not shared out, and the fused step takes one kind of tensor at a time.
        groups.setdefault((rate_of(name, recipe), decay, parameter.ndim == 0), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": rate, "peak": rate, "weight_decay": decay}
            for (rate, decay, _), members in groups.items()
        ],
        betas=recipe.betas,
        fused=True,
    )


def rate_factor(step: int, recipe: Recipe) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to ``last_rate``."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    progress = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.last_rate + (1 - recipe.last_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Average:
    """Exponential moving average of all trained parameters, which the checkpoint holds; decay 0 keeps none."""

    def __init__(self, network: LofiNetwork, decay: float) -> None:
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad and decay}

    @torch.no_grad()
    def update(self, network: LofiNetwork, step: int) -> None:
        """Follow the network; young averages follow faster, or the random start would linger."""
        if not self.values:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        current = dict(network.named_parameters())
        pairs = [(local(value), local(current[name].detach())) for name, value in self.values.items()]
        torch._foreach_lerp_([own for own, _ in pairs], [latest for _, latest in pairs], 1 - decay)
