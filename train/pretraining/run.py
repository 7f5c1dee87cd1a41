"""What a pre-training run works with: recipe and record files → network, batches, validation films."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lofi.network import checkpoint
from lofi.network.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from lofi.network.model import LofiModel
from lofi.network.network import LofiNetwork
from lofi.network.text import PAD, LocationGrammar, Talk, Tokens
from train.data.canvases import CanvasCache
from train.data.joining import joined
from train.data.lexicon import PHRASES
from train.data.records import FilmRecord, check_leaks, read
from train.data.shards import Shards
from train.feeding.batches import Batches
from train.feeding.episodes import Writer
from train.pretraining.adapters import adapt
from train.pretraining.compiling import compile_blocks
from train.pretraining.distributed import own_device
from train.pretraining.memory import decided
from train.pretraining.optimiser import freeze
from train.pretraining.recipe import Recipe
from train.pretraining.starting import (
    adapt_batch_norm,
    language_words,
    sized,
    start,
    start_bias,
    text_words,
    tokenizers_of,
)
from train.pretraining.work import Assumptions, parts_of


@dataclass(frozen=True)
class Run:
    """What one training run works with; made by ``prepare``."""

    recipe: Recipe
    network: LofiNetwork
    tokenizers: dict[str, str]
    batches: Batches
    validation: list[FilmRecord]
    device: torch.device
    unreadable: int = 0

    def model(self, state: Mapping[str, Tensor]) -> LofiModel:
        """A model of its own from the plain weights ``state``, for evaluation."""
        text, language = (Tokens(Tokenizer.from_str(self.tokenizers[n])) for n in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER))
        network = LofiNetwork(self.network.config)
        network.load_state_dict(state, strict=False)  # second names of tied weights are not in it
        return LofiModel(network.eval(), text, language, "training", self.device)


def corpus(reports: Path | None, records: Sequence[FilmRecord]) -> list[str]:
    """Texts that decide which words the small vocabularies keep."""
    texts = [phrase for phrases in PHRASES.values() for phrase in phrases]
    texts += [
        "left right upper middle lower lung zone no there is no evidence of without bilateral the lungs are clear"
    ]
    texts += [record.report + " " + record.label_text for record in records]
    if reports and reports.is_file():
        with reports.open(encoding="utf-8") as lines:
            for line in lines:
                report = json.loads(line)
                texts.append(f"{report.get('findings') or ''} {report.get('impression') or ''}")
    return texts


def check_boxes(training: Sequence[FilmRecord], recipe: Recipe) -> None:
    """Raise ValueError where the recipe has a location loss and no training film has a box."""
    if recipe.location_weight > 0 and recipe.location != "off" and not any(record.boxes for record in training):
        raise ValueError(
            f"location_weight is {recipe.location_weight:g}, but no training film has a box: add records with boxes "
            "(train.data mimic_qba), or set location=off for captions alone, or location_weight=0"
        )


def readied(network: LofiNetwork, recipe: Recipe, device: torch.device) -> None:
    """Bring a network that has its weights into the form that trains: on ``device``, frozen and in as many bits as the
    recipe says, with its adapters.
    """
    network.eval().to(device)  # first: what is quantised is quantised where it stays
    freeze(network, recipe)
    adapt(network, recipe)
    network.eval()
    if recipe.checkpointing:
        network.image.visual.set_grad_checkpointing()
        network.text.set_grad_checkpointing()
        language = network.language.model  # transformers 5.17 has the older name alone
        enable = getattr(language, "activation_checkpointing_enable", None) or language.gradient_checkpointing_enable
        enable()
    if recipe.compile:
        compile_blocks(network, recipe.compile)


def checkpointed(recipe: Recipe, device: torch.device) -> Recipe:
    """The recipe with ``checkpointing`` decided by the memory of the GPU and this process's share of the films."""
    if recipe.checkpointing is not None:
        return recipe
    if device.type != "cuda":
        return decided(recipe, [], 0, None)
    films = recipe.batch // recipe.accumulate // int(os.environ.get("WORLD_SIZE", "1"))
    room = torch.cuda.get_device_properties(device).total_memory
    return decided(recipe, parts_of(recipe, Assumptions()), max(1, films), float(room))


def prepare(
    recipe: Recipe,
    record_files: Sequence[Path],
    shared: Path,
    cache: Path,
    shards: Sequence[Path] = (),
    resuming: bool = False,
) -> Run:
    """Records, canvases, tokenizers and a network at its start. ``shards`` stand for the files' training films; a film
    in two record files is one film. A run that is ``resuming`` has the films that it began with.

    Raises ValueError where patients leak, the shards do not fit the recipe, or there is no box for its location loss.
    """
    torch.manual_seed(recipe.seed)
    records = joined(record for path in record_files for record in read(path))
    training = [record for record in records if record.split == "train"]
    canvases: CanvasCache | Shards | None = None
    if shards:
        if recipe.shares:
            raise ValueError("shards are read in the order of epochs: a recipe with strata (shares) takes --records")
        canvases = Shards(shards, recipe.model.preprocessing)
        records = [record for record in records if record.split != "train"] + canvases.records
        training = canvases.records
    check_leaks(records)
    check_boxes(training, recipe)
    validation = [record for record in records if record.split == "val" and record.boxes]
    if recipe.epochs:
        recipe = replace(recipe, steps=math.ceil(recipe.epochs * len(training) / recipe.batch))
    device = own_device(checkpoint.pick_device())
    recipe = checkpointed(recipe, device)
    text, language, kept = tokenizers_of(recipe, corpus(shared / "text" / "openi_reports.jsonl", training))
    tokenizers = {TEXT_TOKENIZER: text, LANGUAGE_TOKENIZER: language}
    text_tokens, language_tokens = Tokens(Tokenizer.from_str(text)), Tokens(Tokenizer.from_str(language))
    rows = language_words(recipe, len(language_tokens))
    network = LofiNetwork(sized(recipe.model, text_words(recipe, len(text_tokens)), rows))
    scaled = start(network, recipe, shared / "weights", kept)
    readied(network, recipe, device)
    settings = recipe.model.language
    grammar = LocationGrammar(settings.locations, settings.bins, settings.max_boxes)
    talk = Talk(language_tokens, settings.chat)
    writer = Writer(language_tokens, grammar, talk.end, language_tokens.id(PAD), settings.chat)
    lost = 0
    if canvases is None:
        count = len(training)
        training, canvases = CanvasCache.readable(training, recipe.model.preprocessing, cache, again=not resuming)
        lost = count - len(training)
    prefix = len(talk.opening) + recipe.model.connector.queries
    batches = Batches(training, canvases, recipe, writer, text_tokens, prefix)
    if not recipe.starts.checkpoint:  # which brings its own statistics and bias
        first = [batches.build(recipe.steps * recipe.accumulate + n) for n in range(8)]
        adapt_batch_norm(network, [batch.canvases.to(device) for batch in first], recipe.precision == "bf16")
        if recipe.bias is not None or not scaled:
            start_bias(network, recipe.bias, [batch.targets for batch in first])
    return Run(recipe, network, tokenizers, batches, validation[: recipe.evaluated_films], device, lost)
