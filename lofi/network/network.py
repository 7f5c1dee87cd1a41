"""LofiNetwork: the two towers, the connector and the language model as one trainable module."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

import lofi.network.torchvision_ops  # noqa: F401  (before open_clip: it imports torchvision)
from lofi.network.config import ModelConfig, TextConfig
from lofi.network.connector import build_connector, pooled_patches
from lofi.network.language import Language, language_width
from lofi.network.vision import ImageTower


def build_open_clip_text(config: TextConfig, embed_dim: int) -> nn.Module:
    """open_clip's own text tower for ``config.open_clip``, without downloading weights.

    With ``hf_config`` (a transformers config as a dict) the tower is built from it, so that a checkpoint needs no hub.
    """
    from open_clip.hf_model import HFTextEncoder
    from open_clip.model import CLIPTextCfg, _build_text_tower
    from transformers import AutoConfig

    settings: dict[str, Any] = dict(config.open_clip)
    described = settings.pop("hf_config", None)
    if described is None:
        tower: nn.Module = _build_text_tower(embed_dim, CLIPTextCfg(**settings))
        return tower
    described = dict(described)
    encoder = HFTextEncoder(
        "",
        output_dim=embed_dim,
        config=AutoConfig.for_model(described.pop("model_type"), **described),
        pooler_type=settings.get("hf_pooler_type", "mean_pooler"),
        proj_type=settings.get("hf_proj_type", "linear"),
    )
    encoder.transformer.pooler = None  # BERT's own pooler is never read: no weights for it
    return cast(nn.Module, encoder)


class LofiNetwork(nn.Module):
    """Images and texts → one embedding space; images → prefix → language.

    Shapes: B batch, P patches, D patch width, N prefix length, W language width, E embedding, T tokens.
    ``temperature`` (as its logarithm) and ``bias`` belong to the sigmoid loss (SigLIP, arXiv 2303.15343).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.image = ImageTower(config.vision, config.embed_dim, config.preprocessing.side)
        self.text = build_open_clip_text(config.text, config.embed_dim)
        self.language = Language(config.language)
        self.connector = build_connector(config.connector, config.vision.width, language_width(config.language))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-2.0))
        if config.local:
            self.local = nn.Linear(config.vision.width, config.embed_dim)
            self.local_scale = nn.Parameter(torch.tensor(math.log(10.0)))
            self.local_bias = nn.Parameter(torch.tensor(-2.0))
        settings = config.preprocessing
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(settings.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(settings.std).view(1, 3, 1, 1), persistent=False)

    def normalise(self, canvases: Tensor) -> Tensor:
        """(B, S, S) canvases in 0–1 → (B, 3, S, S) tower input, channels last (depthwise layers run twice as fast)."""
        images = (canvases[:, None] - self.mean) / self.std
        return images.contiguous(memory_format=torch.channels_last)

    def encode_images(self, canvases: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, S) → (B, P, D) patches and (B, E) unit embeddings."""
        patches, embedding = self.image(self.normalise(canvases))
        return patches, functional.normalize(embedding.float(), dim=-1)

    def encode_texts(self, ids: Tensor) -> Tensor:
        """(B, T) padded ids → (B, E) unit embeddings.

        open_clip's own tower reads the last place of a full context, as SigLIP was trained: ids are padded to it, with
        the tower's ``pad_id`` (0 in SigLIP 2, 1 in SigLIP and MedSigLIP, where 0 is no word either).
        """
        if "hf_config" not in self.config.text.open_clip:
            ids = functional.pad(ids, (0, self.config.text.context - ids.shape[1]))
            padding = self.config.text.open_clip.get("pad_id", 0)
            ids = ids.masked_fill(ids == 0, padding) if padding else ids
        return functional.normalize(self.text(ids).float(), dim=-1)

    def prefix(self, patches: Tensor) -> Tensor:
        """(B, P, D) → (B, N, W)."""
        return cast(Tensor, self.connector(pooled_patches(patches, self.config.connector.pool)))

    def seen(self, patches: Tensor) -> Tensor:
        """(B, P, D) → (B, P, E) unit embeddings of patches in the space of texts, for ``heat``."""
        return functional.normalize(self.local(patches).float(), dim=-1)

    def heat(self, patches: Tensor, texts: Tensor) -> Tensor:
        """(Q, P) logits that each patch of (Q, P, D) shows what its text, (Q, E) unit embeddings, says."""
        return torch.einsum("qpe,qe->qp", self.seen(patches), texts.float()) * self.local_scale.exp() + self.local_bias
