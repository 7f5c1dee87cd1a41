"""What films are called: texts and labels for the vector of the whole film, and the losses that they teach it by.

A film is told its report among all reports, one of its sentences among all sentences, a finding's phrase from its
denial, and films with the same labels, or that a teacher calls alike, from others. Texts are embedded once by the text
tower as it is. A bank keeps the last vector of every film (Wu et al. 2018, arXiv 1805.01978), so that a film has all
others for neighbours and not those of its batch alone.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from lofi.network.whole import Whole

SCALE, PHRASE_SCALE, NEIGHBOURS, TAUGHT = 20.0, 10.0, 0.1, 0.2
REPORT, SENTENCE, PHRASE, LABELS, TEACHER = 0.15, 0.15, 0.6, 0.2, 0.3
NEVER = 1e4


@dataclass(frozen=True)
class Words:
    """Of N films, L labels, T different reports, S different sentences; E the text tower's width.

    ``reports`` (T, E) and ``report_of`` (N,), −1 without one; ``sentences`` (S, E), ``spoken`` (N, K) padded by −1 and
    ``rare`` (S,) the weight of each; ``said`` and ``unsaid`` (L, W, E) wordings of a label and their denials;
    ``labels`` (N, L) 0, 1 or NaN where nobody looked; ``complete`` (N,) films that name all that was found;
    ``taught`` (N, L) a teacher's log-odds or NaN.
    """

    reports: Tensor
    report_of: Tensor
    sentences: Tensor
    spoken: Tensor
    rare: Tensor
    said: Tensor
    unsaid: Tensor
    labels: Tensor
    complete: Tensor
    taught: Tensor

    def to(self, device: torch.device) -> "Words":
        return Words(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class Bank:
    """The last vector of every film, (N, E); rows of zeros were not seen yet."""

    def __init__(self, films: int, width: int, device: torch.device) -> None:
        self.vectors = torch.zeros(films, width, device=device)
        self.filled = torch.zeros(films, dtype=torch.bool, device=device)

    @torch.no_grad()
    def keep(self, rows: Tensor, vectors: Tensor) -> None:
        self.vectors[rows] = vectors.detach().float()
        self.filled[rows] = True


def word_loss(whole: Whole, vectors: Tensor, rows: Tensor, words: Words, bank: Bank) -> Tensor:
    """Scalar: what the (B, E) ``vectors`` of the films ``rows`` (B,) are still wrong about, all five losses weighed.

    The bank takes the vectors in after the backward pass, not before: it is part of the graph.
    """
    total = REPORT * _reports(whole, vectors, rows, words) + SENTENCE * _sentences(whole, vectors, rows, words)
    total = total + PHRASE * _phrases(whole, vectors, rows, words)
    return total + LABELS * _neighbours(vectors, rows, words, bank) + TEACHER * _taught(vectors, rows, words, bank)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def _reports(whole: Whole, vectors: Tensor, rows: Tensor, words: Words) -> Tensor:
    """Film → report among all; report → film among those of the batch, films of one report sharing it."""
    own = words.report_of[rows]
    there = (own >= 0).float()
    told = SCALE * vectors @ whole.of_texts(words.reports).T
    forth = functional.cross_entropy(told, own.clamp(min=0), reduction="none")
    back = told[:, own.clamp(min=0)].T - NEVER * (1 - there)[None]
    same = (own[:, None] == own[None]).float() * there[None]
    wrong = -(torch.log_softmax(back, 1) * same).sum(1) / same.sum(1).clamp(min=1.0)
    return 0.5 * (_mean(forth, there) + _mean(wrong, there))


def _sentences(whole: Whole, vectors: Tensor, rows: Tensor, words: Words) -> Tensor:
    """Film → one of its sentences among all; common ones weigh less."""
    spoken = words.spoken[rows]
    chance = torch.where(spoken >= 0, words.rare[spoken.clamp(min=0)], torch.zeros(1, device=rows.device))
    there = chance.sum(1) > 0
    # Without a sentence something must still be drawn; it has no weight.
    drawn = torch.multinomial(torch.where(there[:, None], chance, torch.ones_like(chance)), 1)
    own = spoken.gather(1, drawn)[:, 0].clamp(min=0)
    told = SCALE * vectors @ whole.of_texts(words.sentences).T
    return _mean(functional.cross_entropy(told, own, reduction="none"), words.rare[own] * there.float())


def _phrases(whole: Whole, vectors: Tensor, rows: Tensor, words: Words) -> Tensor:
    """A label's phrase above its denial where it is there, below where it is not."""
    directions = whole.of_texts(words.said).mean(1) - whole.of_texts(words.unsaid).mean(1)
    labels = words.labels[rows]
    known = ~labels.isnan()
    counted = ~words.labels.isnan()
    positive = torch.nansum(words.labels, 0)
    rare = ((counted.sum(0) - positive) / positive.clamp(min=1)).clamp(1, 20)
    told = PHRASE_SCALE * vectors @ directions.T
    wrong = functional.binary_cross_entropy_with_logits(told, labels.nan_to_num(), pos_weight=rare, reduction="none")
    return _mean(wrong, known.float())


def _pulled(vectors: Tensor, wanted: Tensor, bank: Bank) -> Tensor:
    """(B,) cross-entropy between ``wanted`` (B, N), rows summing to 1 or to 0, and the neighbours in the bank."""
    near = vectors @ bank.vectors.T / NEIGHBOURS - NEVER * (wanted < 0).float()
    return -(torch.log_softmax(near, 1) * wanted.clamp(min=0)).sum(1)


def _wanted(weights: Tensor, allowed: Tensor) -> Tensor:
    """Rows scaled to 1; −1 where a film is nobody's neighbour."""
    weights = weights * allowed
    scaled = weights / weights.sum(1, keepdim=True).clamp(min=1e-6)
    return torch.where(allowed, scaled, -torch.ones_like(scaled))


def _neighbours(vectors: Tensor, rows: Tensor, words: Words, bank: Bank) -> Tensor:
    """Films of like labels, by their Jaccard index; films without any share "none"."""
    every = words.labels.nan_to_num()
    own = every[rows]
    both = own @ every.T
    either = own.sum(1)[:, None] + every.sum(1)[None] - both
    none = (own.sum(1) == 0).float()[:, None] * (every.sum(1) == 0).float()[None]
    allowed = (bank.filled & words.complete)[None] & (rows[:, None] != torch.arange(len(every), device=rows.device))
    wanted = _wanted(both / either.clamp(min=1) + none, allowed)
    counts = words.complete[rows] & (wanted.clamp(min=0).sum(1) > 0)
    return _mean(_pulled(vectors, wanted, bank), counts.float())


def _taught(vectors: Tensor, rows: Tensor, words: Words, bank: Bank) -> Tensor:
    """Films that the teacher calls alike: softmax of the cosine of its standardised log-odds."""
    rated = ~words.taught.isnan().any(1)
    if not bool(rated.any()):
        return vectors.sum() * 0
    values = words.taught[rated]
    unit = torch.zeros_like(words.taught)
    unit[rated] = functional.normalize((values - values.mean(0)) / values.std(0).clamp(min=1e-6), dim=1)
    allowed = (bank.filled & rated)[None] & (rows[:, None] != torch.arange(len(unit), device=rows.device))
    like = (unit[rows] @ unit.T / TAUGHT).masked_fill(~allowed, -NEVER).softmax(1)
    wanted = _wanted(like, allowed)
    counts = rated[rows] & (wanted.clamp(min=0).sum(1) > 0)
    return _mean(_pulled(vectors, wanted, bank), counts.float())
