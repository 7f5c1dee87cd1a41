"""The losses of pre-training, each a pure function of tensors.

    L = L_sigmoid + λ · (L_caption + L_location),  λ = 5                      (PAPER.md, grade Q)
    L_location = mean of grounding (phrase → boxes) and dense captioning (boxes → phrase)

Nothing here knows of other processes: train.pretraining.distributed gathers, these functions only see the rows they
are given.
Shapes: B films, M sentences, E embedding, K answer tokens, V vocabulary, C coordinates (four a box), Q bins.
"""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


def sigmoid_bias(positive_share: float) -> float:
    """Initial bias log(p / (1 − p)) from the share p of positive pairs; suits small batches better than SigLIP's −10.

    Raises ValueError unless 0 < p < 1: without positives or without negatives there is nothing to tell apart.
    """
    if not 0 < positive_share < 1:
        raise ValueError(f"the share of positive pairs must lie between 0 and 1, not {positive_share}")
    return math.log(positive_share / (1 - positive_share))


def sigmoid_loss(image: Tensor, text: Tensor, targets: Tensor, log_temperature: Tensor, bias: Tensor) -> Tensor:
    """−1/B · Σᵢⱼ |zᵢⱼ| · log σ(zᵢⱼ · (t·⟨xᵢ, yⱼ⟩ + b)), SigLIP (arXiv 2303.15343), eq. in section 3.2.

    ``image`` (B, E) and ``text`` (M, E) unit rows; ``targets`` (B, M): 1 the sentence is true of the film, −1 it is
    not, 0 nobody knows (the pair is left out). A row may hold several positives.
    """
    logits = log_temperature.exp() * image @ text.T + bias
    return -(targets.abs() * functional.logsigmoid(targets * logits)).sum() / len(image)


def chunked_sigmoid_loss(
    image: Tensor, text: Tensor, targets: Tensor, log_temperature: Tensor, bias: Tensor, chunk: int
) -> Tensor:
    """``sigmoid_loss`` over ``chunk`` sentences at a time, the last chunk what is left.

    Holds (B, chunk) logits instead of (B, M), in the backward pass too, where they are computed again: with the
    sentences of all processes in ``text`` the whole matrix is never there at once.
    """
    losses = [
        cast(Tensor, checkpoint(sigmoid_loss, image, rows, columns, log_temperature, bias, use_reentrant=False))
        for rows, columns in zip(torch.split(text, chunk), torch.split(targets, chunk, dim=1), strict=True)
    ]
    return torch.stack(losses).sum()


def pool_sentences(text: Tensor, weights: Tensor) -> Tensor:
    """(R, E) unit embeddings of reports: the weighted means ``weights`` (R, M) of (M, E) sentence embeddings."""
    return functional.normalize(weights.to(text.dtype) @ text, dim=-1)


def softmax_loss(image: Tensor, text: Tensor, targets: Tensor, log_temperature: Tensor) -> Tensor:
    """CLIP's symmetric cross-entropy, several positives sharing the target mass; unknown pairs leave the sums.

    Rows (or columns) without a positive have nothing to say and are left out of the mean.
    """
    sides = ((image, text, targets), (text, image, targets.T))
    return torch.stack([softmax_direction(*side, log_temperature) for side in sides]).mean()


def softmax_direction(
    queries: Tensor, keys: Tensor, targets: Tensor, log_temperature: Tensor, chunk: int | None = None
) -> Tensor:
    """Mean cross-entropy of (Q, E) ``queries`` that have a positive among (K, E) ``keys``; ``targets`` (Q, K).

    With ``chunk`` so many queries at a time, computed again in the backward pass: (chunk, K) logits instead of (Q, K).
    """
    settings = (keys, log_temperature)
    if chunk is None or len(queries) <= chunk:
        total = _softmax_sum(queries, targets, *settings)
    else:
        parts = zip(torch.split(queries, chunk), torch.split(targets, chunk), strict=True)
        sums = [cast(Tensor, checkpoint(_softmax_sum, *part, *settings, use_reentrant=False)) for part in parts]
        total = torch.stack(sums).sum()
    return total / (targets > 0).any(1).sum().clamp(min=1)


def _softmax_sum(queries: Tensor, targets: Tensor, keys: Tensor, log_temperature: Tensor) -> Tensor:
    hit = targets > 0
    count = hit.sum(1)
    logits = (log_temperature.exp() * queries @ keys.T).masked_fill(targets == 0, -torch.inf)
    # Rows without a positive, where all may be unknown, become 0 and count nothing: none is picked out, since a GPU's
    # host would have to wait to learn how many there are.
    logs = torch.log_softmax(logits.masked_fill(count[:, None] == 0, 0.0), dim=1).masked_fill(~hit, 0.0)
    return -(logs.sum(1) / count.clamp(min=1)).sum()


def soft_bins(coordinates: Tensor, bins: int, sigma: float) -> Tensor:
    """(C, Q) target distributions: a Gaussian of ``sigma`` bins about each (C,) coordinate in 0–1.

    A neighbouring bin is nearly right; saying so spares a thousand boxes from having to teach it.
    """
    centres = torch.arange(bins, device=coordinates.device, dtype=torch.float32) + 0.5
    distance = (centres - coordinates[:, None].float() * bins) / sigma
    return torch.softmax(-0.5 * distance**2, dim=1)


def expected_coordinates(logits: Tensor, first: int, bins: int) -> Tensor:
    """(C,) expectation over the coordinate bins of (C, V) logits, in 0–1; differentiable."""
    chance = torch.softmax(logits[:, first : first + bins].float(), dim=1)
    centres = (torch.arange(bins, device=logits.device, dtype=torch.float32) + 0.5) / bins
    return chance @ centres


def place_losses(
    hidden: Tensor,
    head: Callable[[Tensor], Tensor],
    labels: Tensor,
    coordinates: Tensor,
    first: int | None,
    bins: int,
    sigma: float,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """What each place says of its token: (K,) cross-entropies, and (K,) expected coordinates in 0–1.

    ``head`` makes (K, V) logits of (K, W) ``hidden``. Where ``coordinates`` (K,) is a number the target is
    ``soft_bins`` of the vocabulary's tokens from ``first`` on, elsewhere the (K,) ``labels``; with ``first`` None all
    are words and the expectations are 0. With ``chunk`` so many places at a time, logits and all made again in the
    backward pass: a vocabulary of 262,144 words takes 1 MiB a place and copy.
    """
    settings = (head, first, bins, sigma)
    if chunk is None or len(hidden) <= chunk:
        found = _place_losses(hidden, labels, coordinates, *settings)
    else:
        rows = (torch.split(tensor, chunk) for tensor in (hidden, labels, coordinates))
        parts = [checkpoint(_place_losses, *part, *settings, use_reentrant=False) for part in zip(*rows, strict=True)]
        found = torch.cat(parts, dim=1)
    return found[0], found[1]


def _place_losses(
    hidden: Tensor,
    labels: Tensor,
    coordinates: Tensor,
    head: Callable[[Tensor], Tensor],
    first: int | None,
    bins: int,
    sigma: float,
) -> Tensor:
    """(2, K): the cross-entropies and the expected coordinates."""
    logits = head(hidden).float()
    logs = torch.log_softmax(logits, dim=1)
    words = -logs.gather(1, labels[:, None])[:, 0]
    if first is None:
        return torch.stack([words, torch.zeros_like(words)])
    placed = -(soft_bins(coordinates.nan_to_num(0.5), bins, sigma) * logs[:, first : first + bins]).sum(1)
    nearest = torch.where(coordinates.isnan(), words, placed)
    return torch.stack([nearest, expected_coordinates(logits, first, bins)])


def box_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean over boxes of L1 (mean of four edges) plus 1 − GIoU (arXiv 1902.09630); (M, 4) xyxy both; 0 for M = 0."""
    if len(target) == 0:
        return predicted.sum() * 0.0
    absolute = (predicted - target).abs().mean()
    return absolute + (1 - generalised_iou(predicted, target)).mean()


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """(M,) generalised IoU, −1 … 1, of paired (M, 4) boxes; inverted boxes count as empty."""
    size_first = (first[:, 2:] - first[:, :2]).clamp(min=0).prod(1)
    size_second = (second[:, 2:] - second[:, :2]).clamp(min=0).prod(1)
    low, high = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    union = size_first + size_second - inter
    # Hull over the sorted edges, so that an inverted prediction still has a gradient towards the right order.
    edges_low = torch.minimum(torch.minimum(first[:, :2], first[:, 2:]), second[:, :2])
    edges_high = torch.maximum(torch.maximum(first[:, :2], first[:, 2:]), second[:, 2:])
    hull = (edges_high - edges_low).prod(1).clamp(min=1e-9)
    return inter / union.clamp(min=1e-9) - (hull - union) / hull


def location_loss(grounding: Tensor, describing: Tensor, reduction: str = "mean") -> Tensor:
    """L_location from its two directions: their "mean" (the authors' later code) or their "sum"; "off" is 0.

    Raises ValueError for another word.
    """
    if reduction not in ("mean", "sum", "off"):
        raise ValueError(f'the location loss takes "mean", "sum" or "off", not {reduction!r}')
    if reduction == "off":
        return torch.zeros_like(grounding)
    return (grounding + describing) / (2 if reduction == "mean" else 1)


def total_loss(
    sigmoid: Tensor, caption: Tensor, grounding: Tensor, describing: Tensor, weight: float, reduction: str = "mean"
) -> Tensor:
    """L_sigmoid + λ · (L_caption + L_location)."""
    return sigmoid + weight * (caption + location_loss(grounding, describing, reduction))


def heat_loss(logits: Tensor, inside: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice (arXiv 1606.04797) between (Q, P) heat logits and the share of each patch that
    lies inside the phrase's boxes, (Q, P) in 0–1; phrases that are absent, all zero, count in the first part alone.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, inside)
    present = inside.sum(1) > 0
    chance = logits.sigmoid()
    dice = 1 - (2 * (chance * inside).sum(1) + 1e-3) / (chance.sum(1) + inside.sum(1) + 1e-3)
    return entropy + (dice * present).sum() / present.sum().clamp(min=1)
