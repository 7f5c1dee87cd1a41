"""One training step: a batch through the network to the three losses."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lofi.network.losses import (
    box_loss,
    chunked_sigmoid_loss,
    heat_loss,
    place_losses,
    pool_sentences,
    sigmoid_loss,
    softmax_direction,
    total_loss,
)
from lofi.network.network import LofiNetwork
from lofi.network.text import Talk, Tokens
from train.feeding.batches import Asked, Batch, sent
from train.feeding.episodes import CAPTION, DESCRIBE, GROUND
from train.feeding.packing import Answers, Packed
from train.pretraining.compiling import filled
from train.pretraining.distributed import gather_rows, part, weigh
from train.pretraining.recipe import Recipe


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, each a scalar tensor; ``total`` is what is differentiated."""

    total: Tensor
    sigmoid: Tensor
    caption: Tensor
    grounding: Tensor
    describing: Tensor
    box: Tensor
    heat: Tensor


@dataclass(frozen=True)
class Whole:
    """What a part knows of its step: which rows of the step's sentences are its own to compute, the (C,) ``shares`` of
    its means (``counts``), its share of the contrastive loss's ``value``, and that loss's gradients on its embeddings,
    ``image`` (B, E) and ``text`` (M, E), and on temperature and bias (``scale``, of which the first part takes care).
    """

    rows: slice
    shares: Tensor
    value: Tensor
    image: Tensor
    text: Tensor
    scale: tuple[Tensor, Tensor]

    def contrast(self, network: LofiNetwork, images: Tensor, texts: Tensor) -> Tensor:
        """The part's share of the contrastive loss, with its gradient."""
        found = (self.image * images).sum() + (self.text * texts).sum()
        found = found + self.scale[0] * network.log_temperature + self.scale[1] * network.bias
        return self.value + found - found.detach()


def counts(batch: Batch) -> Tensor:
    """(5,) what the means of a batch are over: tokens of reports, descriptions and groundings, coordinates, phrases."""
    packed = batch.packed
    tokens = [(packed.task == task).sum() for task in (CAPTION, DESCRIBE, GROUND)]
    asked = sent([0 if batch.asked is None else len(batch.asked.film)], packed.task.device)
    return torch.stack([*tokens, packed.coordinates.isfinite().sum(), asked[0]])


def autocast(device: torch.device, wanted: bool) -> AbstractContextManager[None]:
    """bfloat16 where ``wanted``. "mixed" recipes want it for the transformers alone: the convolutions' backward pass
    is faster in float32 on a CPU.
    """
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()


def fast_products() -> None:
    """Let a GPU multiply float32 matrices in TF32 (10 bits of mantissa): three times as fast from the A100 on."""
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.conv.fp32_precision = "tf32"


def answer_hidden(
    network: LofiNetwork, prefix: Tensor, packed: Packed, begin: int | Sequence[int], low: bool = False
) -> Tensor:
    """(K, W) hidden states of the places that predict an answer; ``low`` sends bfloat16 through all layers, whose norms
    and sums would else make float32 of it again and again.
    """
    language = network.language
    opening = [begin] if isinstance(begin, int) else begin
    start = language.embed(sent(opening, prefix.device, torch.long))
    embeddings = packed.laid(language.embed(packed.ids), start, prefix)
    if low:
        embeddings = embeddings.to(torch.bfloat16)
    return language.hidden(embeddings, packed.positions, packed.visible(), packed.places)


def answer_logits(network: LofiNetwork, prefix: Tensor, packed: Packed, begin: int | Sequence[int]) -> Tensor:
    """(K, V) float32 logits of the places that predict an answer."""
    return network.language.head(answer_hidden(network, prefix, packed, begin)).float()


def answer_losses(
    hidden: Tensor, head: Callable[[Tensor], Tensor], packed: Answers, recipe: Recipe, first: int | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means of caption, grounding and description tokens, and the box loss on expected coordinates.

    ``first`` is the id of the first coordinate token, None where boxes are written in digits.
    """
    bins, given = recipe.model.language.bins, (packed.labels, packed.coordinates)
    losses, expected = place_losses(hidden, head, *given, first, bins, recipe.bin_sigma, recipe.head_chunk)
    captioning, grounding, describing = (_mean(losses, packed.task == task) for task in (CAPTION, GROUND, DESCRIBE))
    predicted, target = expected[packed.corners], packed.coordinates[packed.corners]
    return captioning, grounding, describing, box_loss(predicted.view(-1, 4), target.view(-1, 4))


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values, 0 of none; nothing is picked out, so that no GPU has to say how many there are."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def contrast(
    network: LofiNetwork, images: Tensor, sentences: Tensor, targets: Tensor, pooling: Tensor | None, recipe: Recipe
) -> Tensor:
    """The contrastive loss of this process's films of a step against the sentences of all."""
    if pooling is not None:
        sentences = pool_sentences(sentences, pooling)
    if recipe.contrast == "softmax":
        return softmax_across(images, sentences, targets, network.log_temperature, recipe.batch, recipe.chunk)
    settings = (images, sentences, targets, network.log_temperature, network.bias)
    if len(sentences) <= recipe.chunk:
        return sigmoid_loss(*settings)
    return chunked_sigmoid_loss(*settings, recipe.chunk)


def softmax_across(
    images: Tensor, sentences: Tensor, targets: Tensor, log_temperature: Tensor, films: int, chunk: int
) -> Tensor:
    """Share of this process in the softmax loss of ``films`` films: its films against all sentences, its part of the
    sentences against all films. The mean over the processes is the loss of the whole batch.
    """
    everyone, truths = gather_rows(images, films), gather_rows(targets, films)
    own = part(len(sentences))
    found = softmax_direction(images, sentences, targets, log_temperature, chunk)
    told = softmax_direction(sentences[own], everyone, truths.T[own], log_temperature, chunk)
    positives = torch.stack([(marks > 0).any(1).sum() for marks in (targets, truths.T[own])])
    return (torch.stack([found, told]) * weigh(positives)).mean()


def embedded(network: LofiNetwork, batch: Batch, recipe: Recipe, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
    """(B, P, D) patches and (B, E) embeddings of a batch's films, (M, E) of its sentences ``rows``."""
    device, low = batch.canvases.device, recipe.precision != "float32"
    with autocast(device, recipe.precision == "bf16"):
        patches, images = network.encode_images(batch.canvases)
    ids = batch.sentences[rows]
    with autocast(device, low):
        texts = network.encode_texts(filled(ids) if recipe.compile else ids)
    return patches, images, texts[: len(ids)]


def losses_of(network: LofiNetwork, batch: Batch, recipe: Recipe, tokens: Tokens, whole: Whole | None = None) -> Losses:
    """All losses of one batch; with several processes, so that their mean is the loss of the whole batch, and of a part
    of a step (``whole``), so that their sum is the loss of the step.
    """
    device, low = batch.canvases.device, recipe.precision != "float32"
    rows = part(len(batch.sentences)) if whole is None else whole.rows
    patches, images, own = embedded(network, batch, recipe, rows)
    tells = recipe.location_weight > 0  # else the language model's losses are only watched
    packed, digits = batch.packed, recipe.model.language.locations == "digits"
    with torch.set_grad_enabled(tells and torch.is_grad_enabled()):
        with autocast(device, low):
            hidden = answer_hidden(
                network,
                network.prefix(patches),
                packed,
                Talk(tokens, recipe.model.language.chat).opening,
                recipe.precision == "bf16",
            )

        def head(rows: Tensor) -> Tensor:
            with autocast(device, low):
                return network.language.head(rows)

        first = None if digits else tokens.id("<loc_0>")
        captioning, grounding, describing, box = answer_losses(hidden, head, packed, recipe, first)
    if whole is None:
        sentences = gather_rows(own, len(batch.sentences))
        sigmoid = contrast(network, images, sentences, batch.targets, batch.pooling, recipe)
        shares = weigh(counts(batch))
    else:
        sigmoid, shares = whole.contrast(network, images, own), whole.shares
    box = box * shares[3]
    grounding = grounding * shares[2] + recipe.box_weight * box
    captioning, describing = captioning * shares[0], describing * shares[1]
    heat = heat_of(network, patches, batch.asked, device, low) if recipe.heat_weight else torch.zeros((), device=device)
    heat = heat * shares[4]
    total = total_loss(sigmoid, captioning, grounding, describing, recipe.location_weight, recipe.location)
    return Losses(total + recipe.heat_weight * heat, sigmoid, captioning, grounding, describing, box, heat)


def heat_of(network: LofiNetwork, patches: Tensor, asked: Asked | None, device: torch.device, low: bool) -> Tensor:
    """Loss of the phrases' heat maps; 0 where the batch asks for none."""
    if asked is None:
        return torch.zeros((), device=device)
    with autocast(device, low):
        phrases = network.encode_texts(asked.phrases)
    return heat_loss(network.heat(patches[asked.film].float(), phrases), asked.inside)


class Objective(nn.Module):
    """The network together with its losses: what DDP wraps, since its hooks run in ``forward`` only."""

    def __init__(self, network: LofiNetwork, recipe: Recipe, tokens: Tokens) -> None:
        super().__init__()
        self.network, self.recipe, self.tokens = network, recipe, tokens

    def forward(self, batch: Batch, whole: Whole | None = None, rows: slice | None = None) -> Any:
        """Name → scalar loss; "total" is what is differentiated. With ``rows`` no losses but the (B, E) embeddings of
        the films and the (M, E) of these sentences.
        """
        if rows is not None:
            return embedded(self.network, batch, self.recipe, rows)[1:]
        losses = losses_of(self.network, batch, self.recipe, self.tokens, whole)
        return {name: getattr(losses, name) for name in losses.__dataclass_fields__}
