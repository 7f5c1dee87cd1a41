"""The losses of answer tokens one kind at a time, out of the function that training uses for both."""

import torch
from torch import Tensor

from lofi.network.losses import place_losses


def caption_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean token cross-entropy of (K, V) logits against (K,) next tokens; 0 for K = 0."""
    nowhere = torch.full((len(labels),), float("nan"))
    return place_losses(logits, torch.nn.Identity(), labels, nowhere, None, 0, 1.0)[0].sum() / max(1, len(labels))


def location_token_loss(logits: Tensor, coordinates: Tensor, first: int, bins: int, sigma: float) -> Tensor:
    """Mean cross-entropy of (C, V) logits against Gaussians about (C,) coordinates in 0–1; 0 for C = 0."""
    words = torch.zeros(len(coordinates), dtype=torch.long)
    found, _ = place_losses(logits, torch.nn.Identity(), words, coordinates, first, bins, sigma)
    return found.sum() / max(1, len(coordinates))
