"""Connector: patches of the image tower → N prefix embeddings of the language model."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lofi.errors import CheckpointError
from lofi.network.config import ConnectorConfig
from lofi.network.vision import sinusoid_grid


class CrossBlock(nn.Module):
    """Pre-norm cross-attention of queries to patches, then a feed-forward layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(width)
        self.norm_patch = nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.forward_layer = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """(B, N, D) queries after one look at (B, P, D) patches."""
        keys = self.norm_patch(patches)
        seen, _ = self.attend(self.norm_query(queries), keys, keys, need_weights=False)
        queries = queries + seen
        return cast(Tensor, queries + self.forward_layer(queries))


class Resampler(nn.Module):
    """One shared multi-query attention resampler, then linear, GELU, linear into the language model's width.

    Each query starts with the position code of one cell of an n × n grid (N = n²), so that it begins by looking
    at its own part of the film; training may move it anywhere.
    """

    def __init__(self, config: ConnectorConfig, width: int, language_width: int) -> None:
        super().__init__()
        edge = max(1, round(config.queries**0.5))
        grid = sinusoid_grid(edge, -(-config.queries // edge), width)[: config.queries]
        self.queries = nn.Parameter(grid + 0.02 * torch.randn_like(grid))
        self.blocks = nn.ModuleList(CrossBlock(width, config.heads) for _ in range(config.layers))
        self.out = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, language_width), nn.GELU(), nn.Linear(language_width, language_width)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """(B, N, W) prefix embeddings of (B, P, D) patches."""
        queries = self.queries.expand(len(patches), -1, -1)
        for block in self.blocks:
            queries = block(queries, patches)
        return cast(Tensor, self.out(queries))


class GridResampler(Resampler):
    """A resampler whose queries also start with what they stand for: the mean of the patches of their own cell.

    A small model trained on few boxes has no time to learn where to look; here it knows from the first step.
    The number of patches and of queries must both be squares.
    """

    def __init__(self, config: ConnectorConfig, width: int, language_width: int) -> None:
        super().__init__(config, width, language_width)
        self.edge = round(config.queries**0.5)
        if self.edge**2 != config.queries:
            raise CheckpointError(f"A grid connector needs a square number of queries, not {config.queries}.")

    def forward(self, patches: Tensor) -> Tensor:
        """(B, N, W) prefix embeddings of (B, P, D) patches."""
        side = round(patches.shape[1] ** 0.5)
        maps = patches.transpose(1, 2).reshape(len(patches), -1, side, side)
        cells = functional.interpolate(maps, (self.edge, self.edge), mode="bilinear", antialias=True)
        queries = self.queries + cells.flatten(2).transpose(1, 2)
        for block in self.blocks:
            queries = block(queries, patches)
        return cast(Tensor, self.out(queries))


class SeparateHeads(nn.Module):
    """The paper's form: N attention-pooling heads, none shared, then linear, GELU, linear.

    Each head is SigLIP's pooling: a probe attends to all patches and goes through its own feed-forward layer.
    Kept for the ablation of queries against heads; at N = 256 and D = 1,152 it holds most of the model.
    """

    def __init__(self, config: ConnectorConfig, width: int, language_width: int) -> None:
        super().__init__()
        self.probes = nn.ParameterList(
            nn.Parameter(torch.randn(1, 1, width) * width**-0.5) for _ in range(config.queries)
        )
        self.heads = nn.ModuleList(CrossBlock(width, config.heads) for _ in range(config.queries))
        self.out = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, language_width), nn.GELU(), nn.Linear(language_width, language_width)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """(B, N, W) prefix embeddings of (B, P, D) patches."""
        pooled = [
            head(probe.expand(len(patches), -1, -1), patches)
            for probe, head in zip(self.probes, self.heads, strict=True)
        ]
        return cast(Tensor, self.out(torch.cat(pooled, dim=1)))


def pooled_patches(patches: Tensor, edge: int) -> Tensor:
    """(B, P', D) means of ``edge`` × ``edge`` neighbours of the (B, P, D) patches of a square grid."""
    if edge == 1:
        return patches
    side = round(patches.shape[1] ** 0.5)
    maps = patches.transpose(1, 2).reshape(len(patches), -1, side, side)
    return functional.avg_pool2d(maps, edge, ceil_mode=True).flatten(2).transpose(1, 2)


def build_connector(config: ConnectorConfig, width: int, language_width: int) -> nn.Module:
    """The connector that ``config.kind`` names: "resampler", "grid" or "separate"."""
    kinds: dict[str, type[nn.Module]] = {"resampler": Resampler, "grid": GridResampler, "separate": SeparateHeads}
    return kinds[config.kind](config, width, language_width)
