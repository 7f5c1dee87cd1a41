"""Pre-training: ``python -m train.pretrain RECIPE --out DIR [--smoke] [--resume] [--set name=value]``."""

import argparse
import csv
import importlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from lofi import checkpoint
from lofi.checkpoint import LANGUAGE_TOKENIZER, TEXT_TOKENIZER
from lofi.config import to_dict
from lofi.model import LofiModel
from lofi.network import LofiNetwork
from lofi.text import END, PAD, LocationGrammar, Tokens
from train.batches import Batches
from train.data.canvases import CanvasCache
from train.data.lexicon import PHRASES
from train.data.records import FilmRecord, check_leaks, read
from train.episodes import Writer
from train.optimiser import Average, freeze, optimiser, rate_factor
from train.quick import quick_grounding
from train.recipe import Recipe, with_settings
from train.starting import adapt_batch_norm, load_image_tower, load_text_tower, sized
from train.state import load_state, recipe_key, save_state
from train.step import losses_of
from train.vocabulary import small_tokenizers


@dataclass(frozen=True)
class Run:
    """What one training run works with; made by ``prepare``."""

    recipe: Recipe
    network: LofiNetwork
    tokenizers: dict[str, str]
    batches: Batches
    validation: list[FilmRecord]
    device: torch.device

    def model(self) -> LofiModel:
        """The network as it is now, for evaluation."""
        text, language = (Tokens(Tokenizer.from_str(self.tokenizers[n])) for n in (TEXT_TOKENIZER, LANGUAGE_TOKENIZER))
        return LofiModel(self.network, text, language, "training", self.device)


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


def prepare(recipe: Recipe, record_files: Sequence[Path], shared: Path, cache: Path) -> Run:
    """Records, canvases, tokenizers and a network at its start."""
    torch.manual_seed(recipe.seed)
    records = [record for path in record_files for record in read(path)]
    check_leaks(records)
    training = [record for record in records if record.split == "train"]
    validation = [record for record in records if record.split == "val" and record.boxes]
    bins = recipe.model.language.bins
    text, language, kept = small_tokenizers(corpus(shared / "text" / "openi_reports.jsonl", training), bins, least=1)
    tokenizers = {TEXT_TOKENIZER: text, LANGUAGE_TOKENIZER: language}
    text_tokens, language_tokens = Tokens(Tokenizer.from_str(text)), Tokens(Tokenizer.from_str(language))
    network = LofiNetwork(sized(recipe.model, len(text_tokens), len(language_tokens)))
    load_image_tower(network, shared / "weights" / "tf_efficientnet_lite0.imagenet.safetensors")
    load_text_tower(network, kept)
    freeze(network, recipe)
    settings = recipe.model.language
    grammar = LocationGrammar(settings.locations, settings.bins, settings.max_boxes)
    writer = Writer(language_tokens, grammar, language_tokens.id(END), language_tokens.id(PAD))
    canvases = CanvasCache.open(training, recipe.model.preprocessing, cache)
    batches = Batches(training, canvases, recipe, writer, text_tokens, 1 + recipe.model.connector.queries)
    device = checkpoint.pick_device()
    network.eval().to(device)
    adapt_batch_norm(network, [batches.build(recipe.steps + n).canvases for n in range(8)])
    return Run(recipe, network, tokenizers, batches, validation, device)


def evaluate(run: Run, average: Average, step: int, out: Path) -> None:
    """Quick grounding of the averaged weights, appended to ``validation.jsonl``; they are kept as a checkpoint."""
    kept = average.swapped(run.network)
    try:
        figures = quick_grounding(run.model(), run.validation)
        with (out / "validation.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, **{k: round(v, 4) for k, v in figures.items()}}) + "\n")
        write_checkpoint(run, out / "checkpoint", step, figures)
    finally:
        average.restore(run.network, kept)


def write_checkpoint(run: Run, folder: Path, step: int, figures: dict[str, float]) -> None:
    """The weights as the network holds them now, in the form that ``lofi.load`` reads."""
    data = {"recipe": run.recipe.name, "steps": step, "films": len(run.batches.records)}
    checkpoint.save(folder, run.network, run.tokenizers, data=data, metrics={"validation": figures})


def train(run: Run, out: Path, resume: bool) -> None:
    """The loop: exact continuation from ``out`` when asked, checkpoints and figures into ``out``."""
    recipe, network = run.recipe, run.network
    adam, average = optimiser(network, recipe), Average(network, recipe.ema)
    key = recipe_key(recipe)
    start = load_state(out, network, adam, average, key) if resume else 0
    tokens = run.batches.writer.tokens
    saved = evaluated = time.monotonic()
    with (out / "metrics.csv").open("a", newline="") as file:
        rows = csv.writer(file)
        bar = tqdm(run.batches.ahead(start, recipe.steps), initial=start, total=recipe.steps, unit="step")
        for step, batch in bar:
            for group in adam.param_groups:
                group["lr"] = group["peak"] * rate_factor(step, recipe)
            losses = losses_of(network, batch, recipe, tokens)
            figures = losses.floats()
            if not torch.isfinite(losses.total):
                raise FloatingPointError(f"the loss is not finite at step {step}; the last checkpoint is kept in {out}")
            adam.zero_grad(set_to_none=True)
            losses.total.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            adam.step()
            average.update(network, step)
            rows.writerow([step, f"{time.time():.1f}", *(f"{value:.5f}" for value in figures.values())])
            file.flush()
            bar.set_postfix({name: f"{value:.2f}" for name, value in figures.items()})
            if time.monotonic() - saved > 60 * recipe.minutes_between_checkpoints:
                save_state(out, network, adam, average, step + 1, key)
                saved = time.monotonic()
            if time.monotonic() - evaluated > 60 * recipe.minutes_between_evaluations:
                evaluate(run, average, step + 1, out)
                evaluated = time.monotonic()
    save_state(out, network, adam, average, recipe.steps, key)
    evaluate(run, average, recipe.steps, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train.pretrain", description=__doc__)
    parser.add_argument("recipe", help="a module of train/recipes, such as mini")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: state, figures, checkpoint")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="films, reports and starting weights")
    parser.add_argument("--records", type=Path, nargs="*", help="record files (default: the films of --shared)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="folder of decoded films")
    parser.add_argument("--smoke", action="store_true", help="the recipe's variant of under a minute")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="replace a number of the recipe"
    )
    options = parser.parse_args(arguments)
    module = importlib.import_module(f"train.recipes.{options.recipe}")
    recipe = with_settings(module.SMOKE if options.smoke else module.RECIPE, dict(s.split("=", 1) for s in options.set))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "recipe.json").write_text(json.dumps(to_dict(recipe), indent=1))
    files = options.records or [options.shared / "cxr" / "records.jsonl"]
    train(prepare(recipe, files, options.shared, options.cache), options.out, options.resume)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
