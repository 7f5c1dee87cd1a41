"""The whole film as one vector beside texts: what the dense network's deepest features make of it.

Texts arrive as the text tower embeds them, which stays as it was trained; a linear map of their own brings them to the
films, so that what else hears the text tower (the heat map) is not moved.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class Whole(nn.Module):
    """(B, C, h, w) deepest features → (B, E) unit vectors; (n, E) unit text embeddings → the same space."""

    def __init__(self, channels: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.mix = nn.Sequential(nn.Linear(2 * channels, 2 * width), nn.LayerNorm(2 * width), nn.GELU())
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(2 * width, width)
        self.words = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.words.weight)

    def of_pooled(self, mean: Tensor, most: Tensor) -> Tensor:
        """(B, C) means and maxima over what is looked at → (B, E) unit vectors."""
        mixed = self.mix(torch.cat([mean, most], 1))
        return functional.normalize(cast(Tensor, self.out(self.drop(mixed))).float(), dim=1)

    def forward(self, deep: Tensor) -> Tensor:
        return self.of_pooled(deep.mean((2, 3)), deep.amax((2, 3)))

    def of_texts(self, texts: Tensor) -> Tensor:
        """(n, E) unit text embeddings → (n, E) unit vectors that films are compared with."""
        return functional.normalize(cast(Tensor, self.words(texts)).float(), dim=-1)
