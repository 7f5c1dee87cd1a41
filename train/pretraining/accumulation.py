"""A step in parts whose loss is that of the whole: every film is a negative of every other, whatever part it is in.

Gradient caching (Gao et al. 2021, arXiv 2101.06983; open_clip's ``--accum-freq`` caches alike): all parts go through
the towers once without gradient; the contrastive loss of the whole step is taken on these embeddings, and what it
gives back to each of them is handed to the part that computes it again, with gradient.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from lofi.network.network import LofiNetwork
from train.feeding.batches import Batch, sent
from train.pretraining.distributed import gather_rows, part, weigh_parts, within
from train.pretraining.recipe import Recipe
from train.pretraining.step import Whole, contrast, counts


def own_rows(sentences: int, piece: int, pieces: int) -> slice:
    """Which of a step's sentences part ``piece`` of this process computes; never none of them."""
    own = part(sentences)
    inner = part(own.stop - own.start, piece, pieces)
    rows = within(own, inner)
    return rows if rows.stop > rows.start else slice(own.start, own.start + 1)


def parts_of(model: Any, network: LofiNetwork, batches: Sequence[Batch], recipe: Recipe) -> list[Whole]:
    """What each of a step's ``batches`` must know of the others. ``model`` (train.pretraining.step.Objective, wrapped
    or not) computes their embeddings.
    """
    pieces, sentences = len(batches), len(batches[0].sentences)
    rows = [own_rows(sentences, piece, pieces) for piece in range(pieces)]
    with torch.no_grad():
        found = [model(batch, rows=own) for batch, own in zip(batches, rows, strict=True)]
    images, texts = (torch.cat([pair[side] for pair in found]).requires_grad_() for side in (0, 1))
    starts = {row: place for place, row in enumerate(row for own in rows for row in range(own.start, own.stop))}
    own = part(sentences)
    chosen = sent([starts[row] for row in range(own.start, own.stop)], texts.device, torch.long)
    everyone = gather_rows(texts[chosen], sentences)
    targets = torch.cat([batch.targets for batch in batches])
    loss = contrast(network, images, everyone, targets, batches[0].pooling, recipe)
    wanted = (images, texts, network.log_temperature, network.bias)
    given = torch.autograd.grad(loss, wanted, allow_unused=True)
    image, text, *scale = (
        torch.zeros_like(of) if gradient is None else gradient for of, gradient in zip(wanted, given, strict=True)
    )
    shares = weigh_parts(torch.stack([counts(batch) for batch in batches]))
    image_parts = image.split([len(pair[0]) for pair in found])
    text_parts = text.split([len(pair[1]) for pair in found])
    none = torch.zeros_like(scale[0])
    return [
        Whole(
            own_part,
            shares[piece],
            loss.detach() / pieces,
            image_parts[piece],
            text_parts[piece],
            cast(tuple[Tensor, Tensor], tuple(scale)) if piece == 0 else (none, none),
        )
        for piece, own_part in enumerate(rows)
    ]
