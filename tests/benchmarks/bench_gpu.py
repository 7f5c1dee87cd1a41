"""What a training step costs on a GPU: python -m tests.benchmarks.bench_gpu [CASE …] [--seconds N] [--profile].

A case is ``RECIPE@BITS``, with ``,NAME=VALUE`` for each setting that is another than the recipe's. The networks are the
recipes' own with random weights, the step is that of ``train.pretrain``, films are noise and reports made-up words, so
that nothing is downloaded. One line of JSON a case, as soon as it is known: milliseconds a step, films a second, the
share of the card's peak that the model itself used (``mfu``), peak memory beside what ``train.plan`` says, and the
places of a step where the host waited for the GPU. Batches lie ready in main memory: what making them takes is
bench_step's. Where memory runs out half the films are tried, and ``films`` tells. On a CPU the recipes' small forms
run, in float32: 16 bits are 32 there.
"""

import argparse
import gc
import json
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from lofi.network.frame import Frame
from lofi.network.network import LofiNetwork
from lofi.network.text import BEGIN, END, PAD, LocationGrammar, Talk, Tokens
from tests.counting import Counted
from train.data.canvases import CanvasCache
from train.data.lexicon import PHRASES
from train.data.records import BoxRecord, FilmRecord
from train.feeding.batches import Batch, Batches
from train.feeding.episodes import Writer
from train.pretraining.distributed import Turns
from train.pretraining.loop import Loop
from train.pretraining.memory import GIB, memory
from train.pretraining.optimiser import Average, optimiser
from train.pretraining.pending import Pending, Wishes
from train.pretraining.processes import accelerator_for
from train.pretraining.recipe import Recipe, checked, with_settings
from train.pretraining.run import Run, checkpointed, readied
from train.pretraining.starting import sized
from train.pretraining.step import Objective, fast_products
from train.pretraining.stopping import Stopped, out_of_memory
from train.pretraining.work import Assumptions, Effort, Part, assumed_places, parts_of, peak_of
from train.recipes import find_recipe

CASES = (
    *("paper@16", "paper@8", "base@16", "base@8", "paper@32", "base@32"),
    *("base@16,checkpointing=true", "base@16,checkpointing=false", "paper@16,checkpointing=false"),
)
WARM, MEASURED, READY = 3, 8, 4
"""Steps before and while the time is taken; batches that are made for them."""
WORDS = ["".join(letters) for letters in product("bdfglmnprst", "aeio", "klmnrst", "aeiou")]
SENTENCES, LONG = 6, 9
"""Sentences of a report, words of a sentence."""


def tokens() -> Tokens:
    """A token for each word, sign and digit."""
    said = {word for phrases in PHRASES.values() for phrase in phrases for word in phrase.replace("-", " ").split()}
    said |= set("no of detect all instances describe the regions write report left right".split())  # noqa: SIM905
    names = [PAD, BEGIN, END, "[UNK]", *'[],.":-', *map(str, range(10)), *sorted(said), *WORDS]
    made = Tokenizer(models.WordLevel({name: row for row, name in enumerate(names)}, unk_token="[UNK]"))
    split: list[Any] = [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    made.pre_tokenizer = pre_tokenizers.Sequence(split)
    made.add_special_tokens([PAD, BEGIN, END])
    return Tokens(made)


def films(count: int) -> list[FilmRecord]:
    """Made-up records: a report, and a box for each of two of its sentences."""
    rng, labels, made = np.random.default_rng(0), list(PHRASES), []
    for number in range(count):
        said = [" ".join(rng.choice(WORDS, LONG)) + "." for _ in range(SENTENCES)]
        found = rng.choice(labels, 2, replace=False).tolist()
        boxes = tuple(
            BoxRecord(sentence, label, "finding", "", (x, y, x + 0.3, y + 0.4))
            for sentence, label, (x, y) in zip(said, found, rng.uniform(0.1, 0.5, (2, 2)).tolist(), strict=False)
        )
        place, absent = Path(f"{number}.png"), tuple(label for label in labels[:4] if label not in found)
        settings: dict[str, Any] = {"findings": tuple(found), "boxes": boxes, "sentences": tuple(said)}
        made.append(FilmRecord(place, f"p{number}", "noise", "train", report=" ".join(said), absent=absent, **settings))
    return made


def batches_of(recipe: Recipe, words: Tokens) -> tuple[Batches, list[list[Batch]]]:
    """Where a recipe's batches come from, and those of READY steps."""
    side, language = recipe.model.preprocessing.side, recipe.model.language
    records = films(2 * recipe.batch)
    pixels = np.random.default_rng(1).integers(0, 256, (len(records), side, side), dtype=np.uint8)
    cache = CanvasCache(pixels, [Frame((side, side), side)] * len(records))
    grammar, talk = LocationGrammar(language.locations, language.bins, language.max_boxes), Talk(words, language.chat)
    writer = Writer(words, grammar, talk.end, words.id(PAD), language.chat)
    made = Batches(records, cache, recipe, writer, words, len(talk.opening) + recipe.model.connector.queries)
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(made.build, range(READY * recipe.accumulate)))
    if torch.cuda.is_available():
        parts = [part.pin_memory() for part in parts]
    return made, [parts[first : first + recipe.accumulate] for first in range(0, len(parts), recipe.accumulate)]


def recipe_of(case: str, device: torch.device, words: Tokens) -> Recipe:
    """The recipe of a case; on a CPU its small form."""
    (name, _, bits), *settings = case.split(",")[0].partition("@"), *case.split(",")[1:]
    small = device.type == "cpu"
    recipe = replace(find_recipe(name, smoke=small), bits=int(bits), epochs=0.0, steps=10_000, skips=10_000)
    if small:  # as the small forms are, since a CPU without bfloat16 is ten times slower in it
        recipe = replace(recipe, model=sized(recipe.model, len(words), len(words)))
        recipe = replace(recipe, bits=32 if recipe.bits == 16 else recipe.bits)
    return checked(with_settings(recipe, dict(setting.split("=", 1) for setting in settings)))


def loop_of(recipe: Recipe, batches: Batches, effort: Effort, device: torch.device) -> Loop:
    """The training loop round a network of random weights, built where it will train."""
    torch.manual_seed(0)
    with device:
        network = LofiNetwork(recipe.model)
    readied(network, recipe, device)
    run = Run(recipe, network, {}, batches, [], device)
    accelerator = accelerator_for(recipe, device, network, shard=False)
    fast_products()
    adam = optimiser(network, recipe)
    model: Any = accelerator.prepare(Objective(network, recipe, batches.writer.tokens))
    return Loop(run, Path(), accelerator, model, adam, Average(network, recipe.ema), Turns(), effort)


def measured(loop: Loop, steps: Sequence[list[Batch]], until: float) -> dict[str, Any]:
    """Figures of a loop's steps; fewer than MEASURED of them where it is later than ``until``."""
    device, first = loop.run.device, WARM + 1
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for number in range(WARM):
        loop.settle(loop.step(number, steps[number % READY], Wishes()))
    waits = waited(loop, steps[WARM % READY])
    finish(device)
    begun, taken = time.perf_counter(), list[Pending]()
    while len(taken) < 2 or (len(taken) < MEASURED and time.monotonic() < until):
        taken.append(loop.step(first + len(taken), steps[len(taken) % READY], Wishes()))
        if len(taken) > 1:  # read one step later, as a run does
            loop.settle(taken[-2])
    figures, _ = loop.settle(taken[-1])
    finish(device)
    seconds = (time.perf_counter() - begun) / len(taken)
    shares = [loop.effort.share(steps[number % READY], seconds) for number in range(len(taken))]
    known = [share for share in shares if share is not None]
    peak = torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else None
    return {
        "ms": round(1000 * seconds, 1),
        "films_per_s": round(loop.recipe.batch / seconds, 1),
        "mfu": round(sum(known) / len(known), 4) if known else None,
        "peak_gib": peak and round(peak, 2),
        "waits": dict(waits),
        "loss": round(figures["total"], 3),
        "steps": len(taken),
    }


def finish(device: torch.device) -> None:
    """Wait until all that was asked of a device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def waited(loop: Loop, batches: list[Batch]) -> Counter[str]:
    """Where the host waits for the GPU in a step, by the line that asks; on a CPU by the operation that would."""
    if loop.run.device.type == "cpu":
        with Counted() as found:
            loop.step(WARM, batches, Wishes())
        return found.waits
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            loop.step(WARM, batches, Wishes())
        finally:
            torch.cuda.set_sync_debug_mode("default")
    lines = [warning for warning in told if "synchronizing" in str(warning.message)]
    return Counter(f"{'/'.join(Path(line.filename).parts[-2:])}:{line.lineno}" for line in lines)


def profiled(loop: Loop, batches: list[Batch]) -> dict[str, Any]:
    """Kernels of a step, how long they keep the card, and the ten that take most of it."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
        loop.step(WARM, batches, Wishes())
        finish(loop.run.device)
    events = [event for event in found.key_averages() if event.device_type == torch.autograd.DeviceType.CUDA]
    events.sort(key=lambda event: -event.self_device_time_total)
    return {
        "kernels": sum(event.count for event in events),
        "busy_ms": round(sum(event.self_device_time_total for event in events) / 1000, 1),
        "top": [[e.key[:70], e.count, round(e.self_device_time_total / 1000, 1)] for e in events[:10]],
    }


@dataclass
class Bench:
    """What the cases share: what train.plan counts and the batches, each of which takes seconds."""

    device: torch.device
    until: float
    profile: bool
    words: Tokens = field(default_factory=tokens)
    planned: dict[str, list[Part]] = field(default_factory=dict)
    fed: dict[str, tuple[Batches, list[list[Batch]]]] = field(default_factory=dict)

    def case(self, case: str) -> dict[str, Any]:
        """The figures of a case, with as many of its films as the memory holds."""
        recipe = recipe_of(case, self.device, self.words)
        planned, told = recipe.batch, ""
        while True:
            try:
                found = self.attempt(recipe)
                break
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error) or recipe.batch <= recipe.accumulate:
                    raise
                told = f"{planned} films do not fit: {_line(error)}"
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            recipe = replace(recipe, batch=recipe.batch // 2)
        return {"case": case, "films": recipe.batch, **found, **({"smaller": told} if told else {})}

    def attempt(self, recipe: Recipe) -> dict[str, Any]:
        """The figures of a recipe whose batch fits."""
        begun = time.monotonic()
        parts = self.parts(recipe)
        effort = Effort(peak_of(self.device), tuple(parts), assumed_places(recipe, Assumptions()))
        key = repr(replace(recipe, bits=32, checkpointing=False))
        if key not in self.fed:
            self.fed[key] = batches_of(recipe, self.words)
        batches, steps = self.fed[key]
        recipe = checkpointed(recipe, self.device)
        loop = loop_of(recipe, batches, effort, self.device)
        building = time.monotonic() - begun
        found = measured(loop, steps, self.until)
        if self.profile and self.device.type == "cuda":
            try:
                found |= profiled(loop, steps[0])
            except RuntimeError as error:  # a profiler that the machine does not allow leaves the rest as it is
                found["profile"] = _line(error)
        packed = [batch.packed for step in steps for batch in step]
        real = sum(int((one.film >= 0).sum()) for one in packed)
        need = memory(parts, recipe, recipe.batch // recipe.accumulate)
        return found | {
            "checkpointing": recipe.checkpointing,
            "planned_gib": round(sum(need.values()) / GIB, 2),
            "places": round(real / (READY * recipe.batch)),
            "building_s": round(building, 1),
        }

    def parts(self, recipe: Recipe) -> list[Part]:
        """What train.plan counts of a recipe. Bits change no more than which weights are stored in them."""
        key = repr(replace(recipe, bits=32))
        if key not in self.planned:
            self.planned[key] = parts_of(replace(recipe, bits=8), Assumptions())
        low = recipe.bits in (8, 4)
        return [part if low else replace(part, low_bits=0) for part in self.planned[key]]


def _line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_gpu", description=__doc__)
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help="such as paper@8,checkpointing=false")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no case later (default 600)")
    parser.add_argument("--profile", action="store_true", help="the kernels of a step beside it")
    options = parser.parse_args(arguments)
    begun, device = time.monotonic(), torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, the recipes' small forms"
    print(json.dumps({"device": name, "torch": torch.__version__}), flush=True)
    bench, failed = Bench(device, begun + options.seconds, options.profile), 0
    for case in options.cases:
        if time.monotonic() > bench.until:
            print(json.dumps({"case": case, "failed": f"{options.seconds:g} seconds are over"}), flush=True)
            return 1
        try:
            found = bench.case(case)
        except (Exception, Stopped) as error:
            found, failed = {"case": case, "failed": _line(error)}, 1
        print(json.dumps(found | {"after_s": round(time.monotonic() - begun, 1)}), flush=True)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
