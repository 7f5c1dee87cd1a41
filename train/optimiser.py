"""AdamW with one learning rate a part, linear warm-up and cosine decay, and an exponential moving average."""

import math

import torch
from torch import Tensor

from lofi.network import LofiNetwork
from train.recipe import Recipe


def freeze(network: LofiNetwork, recipe: Recipe) -> None:
    """Switch off gradients of what the recipe leaves alone: early convolution stages, early text layers.

    The first stages of an ImageNet network are edge filters that serve as they are, and they cost half of the
    backward pass.
    """
    trunk = network.image.visual.trunk
    if recipe.frozen_stages:
        for module in (trunk.conv_stem, trunk.bn1, *trunk.blocks[: recipe.frozen_stages]):
            module.requires_grad_(False)
    tower = network.text.transformer
    layers = tower.encoder.layer
    for module in (tower.embeddings, *layers[: len(layers) - recipe.trained_text_layers]):
        module.requires_grad_(False)


def optimiser(network: LofiNetwork, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over everything that trains; no decay on vectors and scalars."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        pretrained_image = name.startswith("image.visual.trunk")
        pretrained_text = name.startswith("text.transformer")
        rates = recipe.rates
        rate = rates.image if pretrained_image else rates.text if pretrained_text else rates.new
        groups.setdefault((rate, recipe.weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": rate, "peak": rate, "weight_decay": decay}
            for (rate, decay), members in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=True,
    )


def rate_factor(step: int, recipe: Recipe) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to 2 %."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    progress = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Average:
    """Exponential moving average of all trained parameters; the checkpoint that is kept holds these."""

    def __init__(self, network: LofiNetwork, decay: float) -> None:
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, network: LofiNetwork, step: int) -> None:
        """Follow the network; young averages follow faster, or the random start would linger."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = dict(network.named_parameters())
        names = list(self.values)
        torch._foreach_lerp_([self.values[n] for n in names], [current[n] for n in names], 1 - decay)

    def swapped(self, network: LofiNetwork) -> dict[str, Tensor]:
        """Put the averages into the network and return what was there, for ``restore``."""
        kept = {}
        for name, parameter in network.named_parameters():
            if name in self.values:
                kept[name] = parameter.data
                parameter.data = self.values[name]
        return kept

    @staticmethod
    def restore(network: LofiNetwork, kept: dict[str, Tensor]) -> None:
        """Undo ``swapped``."""
        for name, parameter in network.named_parameters():
            if name in kept:
                parameter.data = kept[name]
