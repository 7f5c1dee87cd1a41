"""A dense head conditioned on concept and side: where on the film, and whether at all.

One pass over a film gives a feature map at stride 8; each question (a concept, a side) then costs one small
convolution on it. Every cell answers as in a one-stage detector (FCOS, arXiv 1904.01355): how much it lies in what is
asked for, and how far the four edges of its box are. Presence is a question of its own, learnt from true answers only.

Shapes: B films, Q questions, D width, S side of the canvas, n = S / 8 cells on a side.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

import lofi.network.torchvision_ops  # noqa: F401  (before timm: it imports torchvision)
from lofi.network.whole import Whole

SIDES = ("", "left", "right")
"""The patient's side; "" asks without one."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_REACH = 0.15
"""Distance, in 0–1 of the canvas, from a cell to an edge of its box where the network says nothing yet."""


@dataclass(frozen=True)
class DenseConfig:
    """What the network is made of; saved with its weights. ``embed``: width of a film's vector, 0 without one."""

    concepts: tuple[str, ...]
    side: int = 448
    tower: str = "tf_efficientnet_lite0"
    levels: tuple[int, ...] = (2, 3, 4)
    pyramid: int = 96
    width: int = 64
    embed: int = 0


class Seen(NamedTuple):
    """A film once looked at: ``maps`` (B, D, n, n) at stride 8, ``whole`` (B, 2D) of the entire film, and ``deep``
    (B, C, n / 4, n / 4), the tower's deepest features.
    """

    maps: Tensor
    whole: Tensor
    deep: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps in memory."""
        return sum(int(part.numel() * part.element_size()) for part in self)


class Asked(NamedTuple):
    """``heat`` (Q, n, n) logits, ``boxes`` (Q, 4, n, n) xyxy in 0–1 of the canvas, ``presence`` (Q,) logits."""

    heat: Tensor
    boxes: Tensor
    presence: Tensor


@dataclass(frozen=True)
class Place:
    """One answer: ``presence`` in 0–1, ``heat`` (n, n) logits, ``boxes`` (M, 4) canvas boxes with (M,) ``scores``."""

    presence: float
    heat: Tensor
    boxes: Tensor
    scores: Tensor


def _separable(width: int) -> nn.Sequential:
    """(·, width, n, n) → the same: each channel over 3 × 3 cells, then all channels of a cell."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width),
        nn.GroupNorm(8, width),
        nn.Conv2d(width, width, 1),
        nn.GELU(),
    )


class DenseNet(nn.Module):
    """Films → maps once (``see``); maps and questions → heat, boxes, presence (``ask``)."""

    def __init__(self, config: DenseConfig, skipped: float = 0.0, dropout: float = 0.0) -> None:
        """In training, blocks of the tower are skipped with a chance that rises to ``skipped`` (stochastic depth), and
        ``dropout`` falls on the vector of the whole film.
        """
        super().__init__()
        import timm

        self.config = config
        self.e: Any = timm.create_model(
            config.tower, features_only=True, pretrained=False, out_indices=config.levels, drop_path_rate=skipped
        )
        channels = self.e.feature_info.channels()
        p, d = config.pyramid, config.width
        self.lateral = nn.ModuleList(nn.Conv2d(c, p, 1) for c in channels)
        self.place = nn.Conv2d(4, p, 1)
        self.smooth = nn.ModuleList(_separable(p) for _ in range(3))
        self.narrow = nn.Conv2d(p, d, 1)
        self.total = nn.Sequential(nn.Linear(2 * channels[-1], 2 * d), nn.LayerNorm(2 * d), nn.GELU())
        self.concept, self.side = nn.Embedding(len(config.concepts), d), nn.Embedding(len(SIDES), d)
        self.film = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, 2 * d))
        self.head = _separable(d)
        self.out = nn.Conv2d(d, 5, 1)
        self.prior = nn.Linear(d, 5)
        self.key = nn.Linear(d, 3 * d)
        self.seen_there = nn.LayerNorm(d)
        self.there = nn.Sequential(nn.Linear(4 * d + 2, d), nn.GELU(), nn.Linear(d, 1))
        self.vector = Whole(channels[-1], config.embed, dropout) if config.embed else None
        self._start()

    def _start(self) -> None:
        """Heat begins cold, every box ``_REACH`` wide in all directions."""
        for layer in (self.out, self.prior, self.key):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(cast(Tensor, layer.bias))
        with torch.no_grad():
            cast(Tensor, self.out.bias)[0] = -2.0

    def see(self, canvases: Tensor) -> Seen:
        """(B, S, S) canvases in 0–1, S a multiple of 32 → ``Seen``."""
        levels = self.levels(canvases)
        maps = [conv(level) for conv, level in zip(self.lateral, levels, strict=True)]
        total = maps[-1]
        for finer in maps[-2::-1]:
            total = finer + functional.interpolate(total, size=finer.shape[-2:], mode="bilinear", align_corners=False)
        total = total + self.place(_grid(total))
        for block in self.smooth:
            total = total + block(total)
        deep = torch.cat([levels[-1].mean((2, 3)), levels[-1].amax((2, 3))], 1)
        return Seen(self.narrow(total), self.total(deep), levels[-1])

    def embed(self, canvases: Tensor) -> Tensor:
        """(B, S, S) canvases → (B, E) unit vectors of whole films. Raises ValueError where it has none."""
        if self.vector is None:
            raise ValueError("This dense network makes no vector of a film.")
        return cast(Tensor, self.vector(self.levels(canvases)[-1]))

    def levels(self, canvases: Tensor) -> list[Tensor]:
        """(B, S, S) canvases in 0–1 → the tower's features, finest first."""
        mean, std = (canvases.new_tensor(v)[None, :, None, None] for v in (_MEAN, _STD))
        images = ((canvases[:, None] - mean) / std).contiguous(memory_format=torch.channels_last)
        return cast(list[Tensor], self.e(images))

    def ask(self, seen: Seen, which: Tensor, concepts: Tensor, sides: Tensor) -> Asked:
        """Question j: concept ``concepts[j]``, side ``sides[j]`` (index in ``SIDES``), film ``which[j]``, all (Q,)."""
        asked = self.concept(concepts) + self.side(sides)
        scale, shift = self.film(asked)[..., None, None].chunk(2, 1)
        cells = self.head(seen.maps[which] * (1 + scale) + shift)
        # Edges are told in full precision: half of it would move them by a cell.
        out = self.out(cells).float() + self.prior(asked).float()[..., None, None]
        heat = out[:, 0]
        return Asked(heat, edges(out[:, 1:]), self._presence(heat.flatten(1), cells, seen.whole[which], asked))

    def _presence(self, heat: Tensor, cells: Tensor, whole: Tensor, asked: Tensor) -> Tensor:
        """(Q,) logits from what the hottest cells show, from the film as a whole, and from the heat itself.

        The question weighs what is seen (a classifier of its own for each concept) and is heard by a small network.
        """
        pooled = self.seen_there(torch.einsum("qn,qdn->qd", heat.softmax(1), cells.flatten(2)))
        mean = heat.logsumexp(1, keepdim=True) - math.log(heat.shape[1])
        shown = torch.cat([pooled, whole], 1)
        own: Tensor = (shown * self.key(asked)).sum(1) / math.sqrt(shown.shape[1])
        clues = torch.cat([shown, asked, heat.amax(1, keepdim=True), mean], 1)
        return own + cast(Tensor, self.there(clues))[:, 0]

    def forward(self, canvases: Tensor, which: Tensor, concepts: Tensor, sides: Tensor) -> Asked:
        """``see`` and ``ask`` in one."""
        return self.ask(self.see(canvases), which, concepts, sides)


def _grid(like: Tensor) -> Tensor:
    """(1, 4, n, n): x, y of each cell in −1…1 and their squares; side and height are read off them."""
    y = torch.linspace(-1, 1, like.shape[-2], device=like.device, dtype=like.dtype)[:, None].expand(like.shape[-2:])
    x = torch.linspace(-1, 1, like.shape[-1], device=like.device, dtype=like.dtype)[None, :].expand(like.shape[-2:])
    return torch.stack([x, y, x * x, y * y])[None]


def edges(distances: Tensor) -> Tensor:
    """(Q, 4, n, n) raw distances left, up, right, down of each cell → xyxy boxes in 0–1 of the canvas.

    Exponential, so that a nodule's edges are learnt as finely as a lung's; capped at three canvases.
    """
    n = distances.shape[-1]
    reach = _REACH * distances.clamp(-6.0, 3.0).exp()
    centre = (torch.arange(n, device=distances.device, dtype=distances.dtype) + 0.5) / n
    x, y = centre[None, None, :], centre[None, :, None]
    return torch.stack([x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]], 1)


def overlap(box: Tensor, boxes: Tensor) -> Tensor:
    """(M,) intersection over union of one (4,) box with (M, 4) boxes."""
    low, high = torch.maximum(box[:2], boxes[:, :2]), torch.minimum(box[2:], boxes[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1) + (box[2:] - box[:2]).clamp(min=0).prod()
    return inter / (area - inter).clamp(min=1e-9)


def best_boxes(heat: Tensor, boxes: Tensor, most: int = 3, share: float = 0.6) -> tuple[Tensor, Tensor]:
    """Of (n, n) logits and (4, n, n) boxes: (M, 4) boxes, hottest first, and (M,) scores in 0–1; M ≥ 1.

    The hottest cells vote for a box, weighted by the fourth power of their heat, as far as their boxes overlap the
    hottest one's by half; then the rest, while it holds a cell of ``share`` of the hottest.
    """
    score = heat.sigmoid().flatten()
    flat = boxes.flatten(1).T
    left = score.clone()
    found: list[Tensor] = []
    scores: list[Tensor] = []
    for _ in range(most):
        top = int(left.argmax())
        if found and left[top] < share * score.max():
            break
        near = overlap(flat[top], flat)
        voters = torch.where(near > 0.5, left, 0).pow(4).topk(min(12, len(left)))
        weight = voters.values.clamp(min=1e-30) / voters.values.clamp(min=1e-30).sum()
        found.append((flat[voters.indices] * weight[:, None]).sum(0))
        scores.append(left[top])
        inside = overlap(found[-1], flat) > 0.1
        inside[top] = True
        left = torch.where(inside, 0, left)
    return torch.stack(found).clamp(0, 1), torch.stack(scores)
