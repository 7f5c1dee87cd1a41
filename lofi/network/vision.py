"""Image tower: an open_clip vision tower whose feature maps also become patches."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

import lofi.network.torchvision_ops  # noqa: F401  (before open_clip: it imports torchvision)
from lofi.errors import CheckpointError
from lofi.network.config import VisionConfig


def build_open_clip_vision(config: VisionConfig, embed_dim: int, side: int) -> nn.Module:
    """open_clip's tower round a timm model for ``config.open_clip``, without downloading weights.

    Raises CheckpointError where it names no timm model.
    """
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    if "timm_model_name" not in config.open_clip:
        raise CheckpointError(
            'The image tower must be a timm model, but "timm_model_name" is missing: fetch the checkpoint again.'
        )

    settings: dict[str, Any] = {**config.open_clip, "image_size": side, "timm_model_pretrained": False}
    tower: Any = _build_vision_tower(embed_dim, CLIPVisionCfg(**settings))
    trunk = tower.trunk
    fixed = hasattr(trunk, "set_input_size") and not getattr(trunk, "dynamic_img_size", False)
    if fixed and tuple(trunk.patch_embed.img_size) != (side, side):  # open_clip leaves timm's own; MedSigLIP has 448
        trunk.set_input_size(img_size=(side, side))
    return cast(nn.Module, tower)


def sinusoid_grid(height: int, width: int, channels: int, device: torch.device | None = None) -> Tensor:
    """(height·width, channels) sine-cosine position codes of cell centres in 0–1, half for y, half for x."""
    quarter = channels // 4
    # Named to all: transformers replaces torch.linspace while it loads a model, and where torch first asks then which
    # functions obey its default device, the true one never does.
    device = torch.get_default_device() if device is None else device
    frequency = torch.pi * 2.0 ** torch.linspace(0, 5, quarter, device=device)
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    codes = [torch.cat([(axis[:, None] * frequency).sin(), (axis[:, None] * frequency).cos()], 1) for axis in (y, x)]
    rows = codes[0][:, None].expand(height, width, -1)
    columns = codes[1][None].expand(height, width, -1)
    return torch.cat([rows, columns], dim=2).reshape(height * width, -1)


class ImageTower(nn.Module):
    """Pixels (B, 3, S, S), normalised → patches (B, P, D) and an embedding (B, E).

    Several feature levels of a convolutional network are projected to D, brought to the finest grid and added
    (a feature pyramid in one line); a vision transformer gives its last block's patch tokens.
    """

    def __init__(self, config: VisionConfig, embed_dim: int, side: int) -> None:
        super().__init__()
        self.config = config
        self.visual: Any = build_open_clip_vision(config, embed_dim, side)
        self.levels = list(config.levels) or [-1]
        self.project = nn.ModuleList(nn.LazyConv2d(config.width, 1) for _ in self.levels)
        self.norm = nn.LayerNorm(config.width)
        with torch.no_grad():  # one blank film sizes the lazy layers
            self.eval()
            self(torch.zeros(1, 3, side, side))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P, D) patches row by row, and the (B, E) embedding, not normalised."""
        return self.see(images)[:2]

    def see(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As ``forward``, and the last features, from which the embedding is pooled: timm's (B, C, h, w) map or
        (B, T, C) tokens.
        """
        trunk = self.visual.trunk
        indices = [level for level in self.levels if level >= 0] or 1
        last, levels = trunk.forward_intermediates(images, indices=indices, norm=False, output_fmt="NCHW")
        maps = [conv(level) for conv, level in zip(self.project, levels, strict=True)]
        size = maps[0].shape[-2:]
        total = maps[0]
        for coarse in maps[1:]:
            total = total + functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        patches = self.norm(total.flatten(2).transpose(1, 2))
        place = sinusoid_grid(size[0], size[1], patches.shape[2], patches.device).to(patches.dtype)
        return patches + place, self.visual.head(trunk.forward_head(last)), last

    def embed_parts(self, last: Tensor, boxes: Tensor, points: int = 7) -> Tensor:
        """(M, E) embeddings, not normalised, of (M, 4) canvas boxes of the one film whose ``last`` features these are.

        The tower's own pooling and projection on ``points`` × ``points`` features sampled in the box (RoIAlign with
        one sample a bin; He et al. 2017), so that a part lies in the space of whole films.
        """
        tokens = last.ndim == 3
        if tokens:  # a vision transformer: its grid of patch tokens, without what comes before them
            side = int(last.shape[1] ** 0.5)
            last = last[:, -side * side :].transpose(1, 2).reshape(1, -1, side, side)
        steps = (torch.arange(points, device=last.device) + 0.5) / points
        x = boxes[:, None, 0] + (boxes[:, 2] - boxes[:, 0])[:, None] * steps
        y = boxes[:, None, 1] + (boxes[:, 3] - boxes[:, 1])[:, None] * steps
        grid = torch.stack([x[:, None].expand(-1, points, -1), y[:, :, None].expand(-1, -1, points)], dim=3)
        parts = functional.grid_sample(
            last.expand(len(boxes), -1, -1, -1), 2 * grid.to(last.dtype) - 1, padding_mode="border", align_corners=False
        )
        parts = parts.flatten(2).transpose(1, 2) if tokens else parts
        return cast(Tensor, self.visual.head(self.visual.trunk.forward_head(parts)))

    def embed_cells(self, last: Tensor) -> Tensor:
        """(P, E) embeddings, not normalised, of the patches of the one film whose ``last`` features these are, row by
        row: the tower's own pooling and projection over each patch alone (attention over one token is its value;
        MaskCLIP, arXiv 2112.01071).
        """
        if last.ndim == 3:
            side = int(last.shape[1] ** 0.5)
            alone = last[0, -side * side :, None]
        else:
            alone = last[0].flatten(1).T[:, :, None, None]
        return cast(Tensor, self.visual.head(self.visual.trunk.forward_head(alone)))
