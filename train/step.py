"""One training step: a batch through the network to the three losses."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from lofi.losses import (
    box_loss,
    caption_loss,
    expected_coordinates,
    location_token_loss,
    sigmoid_loss,
    total_loss,
)
from lofi.network import LofiNetwork
from lofi.text import BEGIN, Tokens
from train.batches import Batch
from train.episodes import CAPTION, DESCRIBE, GROUND
from train.packing import Packed
from train.recipe import Recipe


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, each a scalar tensor; ``total`` is what is differentiated."""

    total: Tensor
    sigmoid: Tensor
    caption: Tensor
    grounding: Tensor
    describing: Tensor
    box: Tensor

    def floats(self) -> dict[str, float]:
        return {name: float(getattr(self, name).detach()) for name in self.__dataclass_fields__}


def language_precision(device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 for the transformers; the image tower stays in float32 (its backward pass is faster so on a CPU)."""
    return torch.autocast(device.type, torch.bfloat16)


def answer_logits(network: LofiNetwork, prefix: Tensor, packed: Packed, begin: int) -> Tensor:
    """(K, V) float32 logits of the places that predict an answer."""
    language = network.language
    first = language.embed(torch.full((len(prefix), 1), begin, device=prefix.device))
    embeddings = torch.cat([first, prefix.to(first.dtype), language.embed(packed.ids)], dim=1)
    logits: Tensor = language(embeddings, packed.positions, packed.visible, packed.wanted)
    return logits.float()


def grounding_losses(logits: Tensor, packed: Packed, recipe: Recipe, first: int) -> tuple[Tensor, Tensor]:
    """Token loss of phrase → boxes (every answer token counts once) and the box loss on expected coordinates."""
    grounding = packed.task == GROUND
    coordinate = ~packed.coordinates.isnan()
    bins = recipe.model.language.bins
    words, places = grounding & ~coordinate, grounding & coordinate
    word_loss = caption_loss(logits[words], packed.labels[words])
    place_loss = location_token_loss(logits[places], packed.coordinates[places], first, bins, recipe.bin_sigma)
    count = max(1, int(grounding.sum()))
    tokens = (word_loss * int(words.sum()) + place_loss * int(places.sum())) / count
    predicted = expected_coordinates(logits[places], first, bins).view(-1, 4)
    return tokens, box_loss(predicted, packed.coordinates[places].view(-1, 4))


def losses_of(network: LofiNetwork, batch: Batch, recipe: Recipe, tokens: Tokens) -> Losses:
    """All losses of one batch."""
    patches, images = network.encode_images(batch.canvases)
    with language_precision(images.device):
        sentences = network.encode_texts(batch.sentences)
        logits = answer_logits(network, network.prefix(patches), batch.packed, tokens.id(BEGIN))
    sigmoid = sigmoid_loss(images, sentences, batch.targets, network.log_temperature, network.bias)
    packed = batch.packed
    caption, describe = packed.task == CAPTION, packed.task == DESCRIBE
    grounding, box = grounding_losses(logits, packed, recipe, tokens.id("<loc_0>"))
    grounding = grounding + recipe.box_weight * box
    captioning = caption_loss(logits[caption], packed.labels[caption])
    describing = caption_loss(logits[describe], packed.labels[describe])
    total = total_loss(sigmoid, captioning, grounding, describing, recipe.location_weight)
    return Losses(total, sigmoid, captioning, grounding, describing, box)
