"""Losses of the dense head: heat, box, presence. Pure functions of answers and targets."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lofi.network.dense import Asked
from train.densely.batches import Targets

_FOCUS = 1.5
_SOMEWHERE = 8
"""Cells, the hottest of a region, that are to be hot where it is only known that a finding is somewhere in it."""
_COLD, _HOT, _BOX, _THERE = 8.0, 0.5, 1.5, 0.6


@dataclass(frozen=True)
class Losses:
    """Each a scalar; ``total`` is their weighted sum. ``words`` is that of the film's vector, where there is one."""

    heat: Tensor
    box: Tensor
    presence: Tensor
    words: Tensor | None = None

    @property
    def total(self) -> Tensor:
        told = self.heat + _BOX * self.box + _THERE * self.presence
        return told if self.words is None else told + self.words


def giou(a: Tensor, b: Tensor) -> Tensor:
    """(M,) generalised overlap of paired (M, 4) boxes (Rezatofighi et al. 2019), in −1…1."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inter
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    return inter / (union + 1e-7) - (hull - union) / (hull + 1e-7)


def heat_losses(heat: Tensor, targets: Targets) -> Tensor:
    """(Q,) focal loss of (Q, n, n) logits and, where there is a box, one minus Dice.

    Cold cells count as a mean over the map, hot ones as a mean over each question's boxes (``share``): a nodule of four
    cells weighs as much as a lung. Of a region ``within`` which a finding lies a few cells must be hot, and none
    outside (multiple instances; Dietterich et al. 1997).
    """
    want, share = targets.want, targets.share
    p = heat.sigmoid()
    plain = functional.binary_cross_entropy_with_logits(heat, want, reduction="none")
    focal = plain * torch.where(want > 0, 1 - p, p).detach() ** _FOCUS
    cold = (focal * (want == 0)).mean((1, 2))
    inside = torch.where(want > 0, heat, torch.full_like(heat, -torch.inf)).flatten(1)
    hottest = inside.topk(min(_SOMEWHERE, inside.shape[1])).values
    missed = functional.softplus(-hottest) * (1 - hottest.sigmoid()).detach() ** _FOCUS
    there = hottest > -torch.inf
    somewhere = torch.where(there, missed, torch.zeros_like(missed)).sum(1) / there.sum(1).clamp(min=1)
    hot = torch.where(targets.within > 0, somewhere, (focal * share).sum((1, 2)))
    both, size = (p * want).sum((1, 2)), p.sum((1, 2)) + want.sum((1, 2))
    dice = 1 - (2 * both + 1) / (size + 1)
    filled = want.flatten(1).any(1) & (targets.within == 0)
    return _COLD * cold + _HOT * hot + torch.where(filled, dice, torch.zeros_like(dice))


def box_loss(boxes: Tensor, targets: Targets) -> Tensor:
    """Mean over questions with boxes of 1 − GIoU, over cells inside by ``share``; 0 where nothing has a box."""
    where = targets.want > 0
    weight = (targets.share * (targets.weight * targets.placed)[:, None, None])[where]
    if weight.numel() == 0:
        return boxes.sum() * 0
    found, true = (b.permute(0, 2, 3, 1)[where] for b in (boxes, targets.boxes))
    return ((1 - giou(found, true)) * weight).sum() / weight.sum().clamp(min=1e-6)


def presence_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Cross-entropy of (Q,) logits, by trust: what is unknown teaches nothing."""
    plain = functional.binary_cross_entropy_with_logits(logits, targets.present, reduction="none")
    return (plain * targets.trust).sum() / targets.trust.sum().clamp(min=1.0)


def losses(asked: Asked, targets: Targets) -> Losses:
    """All three."""
    weight = targets.placed * targets.weight
    heat = heat_losses(asked.heat, targets)
    return Losses(
        (heat * weight).sum() / weight.sum().clamp(min=1.0),
        box_loss(asked.boxes, targets),
        presence_loss(asked.presence, targets),
    )
