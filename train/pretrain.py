"""Pre-training: ``python -m train.pretrain RECIPE --out DIR [--smoke] [--resume] [--set name=value]``."""

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lofi import checkpoint
from lofi.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from lofi.config import to_dict
from lofi.errors import LofiError
from lofi.model import LofiModel
from lofi.network import LofiNetwork
from lofi.text import END, PAD, LocationGrammar, Tokens
from train.adapters import adapt
from train.batches import Batches
from train.data.canvases import CanvasCache
from train.data.lexicon import PHRASES
from train.data.records import FilmRecord, check_leaks, read
from train.data.shards import Shards
from train.distributed import own_device
from train.episodes import Writer
from train.generated import generate
from train.optimiser import freeze
from train.recipe import Recipe, checked, with_settings
from train.starting import adapt_batch_norm, sized, start, start_bias, tokenizers_of


@dataclass(frozen=True)
class Run:
    """What one training run works with; made by ``prepare``."""

    recipe: Recipe
    network: LofiNetwork
    tokenizers: dict[str, str]
    batches: Batches
    validation: list[FilmRecord]
    device: torch.device

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


def prepare(recipe: Recipe, record_files: Sequence[Path], shared: Path, cache: Path, shards: Path | None = None) -> Run:
    """Records, canvases, tokenizers and a network at its start. ``shards`` stand for the files' training films.

    Raises ValueError where patients leak, or the shards do not fit the recipe.
    """
    torch.manual_seed(recipe.seed)
    records = [record for path in record_files for record in read(path)]
    training = [record for record in records if record.split == "train"]
    canvases: CanvasCache | Shards | None = None
    if shards is not None:
        if recipe.shares:
            raise ValueError("shards are read in the order of epochs: a recipe with strata (shares) takes --records")
        canvases = Shards(shards, recipe.model.preprocessing)
        records = [record for record in records if record.split != "train"] + canvases.records
        training = canvases.records
    check_leaks(records)
    validation = [record for record in records if record.split == "val" and record.boxes]
    if recipe.epochs:
        recipe = replace(recipe, steps=math.ceil(recipe.epochs * len(training) / recipe.batch))
    text, language, kept = tokenizers_of(recipe, corpus(shared / "text" / "openi_reports.jsonl", training))
    tokenizers = {TEXT_TOKENIZER: text, LANGUAGE_TOKENIZER: language}
    text_tokens, language_tokens = Tokens(Tokenizer.from_str(text)), Tokens(Tokenizer.from_str(language))
    network = LofiNetwork(sized(recipe.model, len(text_tokens), len(language_tokens)))
    start(network, recipe, shared / "weights", kept)
    freeze(network, recipe)
    adapt(network, recipe)
    if recipe.checkpointing:
        network.image.visual.set_grad_checkpointing()
        network.text.set_grad_checkpointing()
        network.language.model.activation_checkpointing_enable()
    settings = recipe.model.language
    grammar = LocationGrammar(settings.locations, settings.bins, settings.max_boxes)
    writer = Writer(language_tokens, grammar, language_tokens.id(END), language_tokens.id(PAD))
    if canvases is None:
        canvases = CanvasCache.open(training, recipe.model.preprocessing, cache)
    batches = Batches(training, canvases, recipe, writer, text_tokens, 1 + recipe.model.connector.queries)
    device = own_device(checkpoint.pick_device())
    network.eval().to(device)
    if not recipe.starts.checkpoint:  # which brings its own statistics and bias
        first = [batches.build(recipe.steps * recipe.accumulate + n) for n in range(8)]
        adapt_batch_norm(network, [batch.canvases.to(device) for batch in first])
        start_bias(network, recipe.bias, [batch.targets for batch in first])
    return Run(recipe, network, tokenizers, batches, validation[: recipe.evaluated_films], device)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.pretrain", description=__doc__)
    parser.add_argument("recipe", help="a module of train/recipes, such as mini, or ablate:VARIANT")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: state, figures, checkpoint")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="films, reports and starting weights")
    parser.add_argument("--records", type=Path, nargs="*", help="record files (default: the films of --shared)")
    parser.add_argument("--shards", type=Path, help="training films as train.data --shards wrote them")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="folder of decoded films")
    parser.add_argument("--smoke", action="store_true", help="the recipe's variant of under a minute")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--shard", action="store_true", help="share weights out over the processes (FSDP2)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="replace a number of the recipe"
    )
    options = parser.parse_args(arguments)
    chosen = find_recipe(options.recipe, options.smoke)
    try:
        recipe = checked(with_settings(chosen, dict(s.split("=", 1) for s in options.set)))
    except ValueError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "recipe.json").write_text(json.dumps(to_dict(recipe), indent=1))
    files = options.records or ([] if options.shards else [options.shared / "cxr" / "records.jsonl"])
    if options.records is None and options.shards is None and recipe.films:
        files = [generate(options.out / "films", recipe.films, recipe.model.preprocessing.side)]
    shard = options.shard or os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"  # accelerate launch --use_fsdp
    from train.loop import Stopped, train

    try:
        run = prepare(recipe, files, options.shared, options.cache, options.shards)
    except (ValueError, LofiError) as error:
        parser.error(str(error))
    try:
        train(run, options.out, options.resume, shard)
    except Stopped as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    return 0


def find_recipe(name: str, smoke: bool = False) -> Recipe:
    """The recipe of ``train/recipes/NAME.py``, or of its VARIANTS for ``NAME:VARIANT``."""
    module_name, _, variant = name.partition(":")
    module = importlib.import_module(f"train.recipes.{module_name}")
    if not variant:
        found: Recipe = module.SMOKE if smoke else module.RECIPE
        return found
    if variant not in module.VARIANTS:
        raise SystemExit(f"{module_name} has the variants {', '.join(module.VARIANTS)}, not {variant}")
    chosen: Recipe = module.VARIANTS[variant]
    return module.smoke(chosen) if smoke else chosen


if __name__ == "__main__":
    raise SystemExit(main())
