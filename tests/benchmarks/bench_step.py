"""What a training step asks of a machine, as far as a CPU can show it: python -m tests.benchmarks.bench_step.

Kernels started and places where a GPU's host would wait, of a step of small models of the recipes' kind (neither
depends on their width; kernels grow with the layers); processor time of building a step of ``paper``, 64 films of 512
pixels; the part of it that finds out which sentence is true of which film; places that are padding.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["LOFI_DEVICE"] = "cpu"

import numpy as np

from tests.counting import Counted
from train.feeding.batches import Batches
from train.feeding.generated import generate
from train.feeding.packing import Packed
from train.feeding.reports import spoken, words_of
from train.pretraining.distributed import Turns
from train.pretraining.loop import Loop
from train.pretraining.optimiser import Average, optimiser
from train.pretraining.pending import Wishes
from train.pretraining.processes import accelerator_for
from train.pretraining.recipe import Recipe
from train.pretraining.run import Run, prepare
from train.pretraining.step import Objective
from train.pretraining.work import Effort
from train.recipes import find_recipe

FILMS, SIDE, STEPS = 64, 512, 3


@contextmanager
def prepared(recipe: Recipe, films: int = 12, side: int = 96) -> Iterator[Run]:
    """A run on made-up films."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        yield prepare(recipe, [generate(place / "films", films, side)], place, place / "cache")


def loop_of(run: Run) -> Loop:
    """The loop's moving parts in this one process."""
    accelerator = accelerator_for(run.recipe, run.device, run.network, shard=False)
    adam = optimiser(run.network, run.recipe)
    model: Any = accelerator.prepare(Objective(run.network, run.recipe, run.batches.writer.tokens))
    return Loop(run, Path(), accelerator, model, adam, Average(run.network, run.recipe.ema), Turns(), Effort(None))


def counted(recipe: Recipe) -> Counted:
    """A step, the second: the first makes the optimiser's moments."""
    with prepared(recipe) as run:
        loop, parts = loop_of(run), recipe.accumulate
        batches = [run.batches.build(number) for number in range(2 * parts)]
        loop.step(0, batches[:parts], Wishes())
        with Counted() as found:
            loop.step(1, batches[parts:], Wishes())
    return found


def padding(packed: Packed, films: int) -> tuple[float, float]:
    """Share of the language model's places that are padding: with a row for each film, and as they are packed."""
    real = int((packed.film >= 0).sum())
    return 1 - real / (films * packed.film.shape[1]), 1 - real / packed.film.numel()


def building() -> None:
    """Processor time of a step of ``paper``, and padding."""
    small = find_recipe("paper", smoke=True)
    model = replace(small.model, preprocessing=replace(small.model.preprocessing, side=SIDE))
    recipe = replace(small, batch=FILMS, questions=6, bits=32)
    with prepared(recipe, 2 * FILMS, 96) as run:
        made = run.batches
        large = _Enlarged(made.cache)
        batches = Batches(made.records, large, replace(recipe, model=model), made.writer, made.text_tokens, 257)
        begun, waste = time.process_time(), []
        for step in range(STEPS):
            waste.append(padding(batches.build(step).packed, FILMS))
        spent = (time.process_time() - begun) / STEPS
    alone, together = np.mean(waste, axis=0)
    print(f"building a step of {FILMS} films of {SIDE} pixels: {1000 * spent:.0f} ms of processor time")
    print(f"padding: {alone:.1%} with a row for each film, {together:.1%} as they are packed")


class _Enlarged:
    """The cache of small films as if they were of SIDE pixels."""

    def __init__(self, cache: Any) -> None:
        self._cache, self.frames = cache, cache.frames
        self.pixels = self

    def __getitem__(self, index: int) -> Any:
        return np.ascontiguousarray(np.resize(self._cache.pixels[index], (SIDE, SIDE)))


def targets() -> None:
    """Which of 64 reports of ten sentences says which of five of each: one product, and pair by pair."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(1500)]
    films = [[words_of(" ".join(rng.choice(words, 9))) for _ in range(10)] for _ in range(FILMS)]
    taken = [sentence for film in films for sentence in film[:5]]
    begun = time.process_time()
    found = spoken(films, taken, 0.8)
    product = time.process_time() - begun
    begun = time.process_time()
    pairs = [[any(len(t & s) >= 0.8 * len(t | s) for s in film) for film in films] for t in taken]
    print(
        f"sentence targets: {1000 * product:.0f} ms by one product, {1000 * (time.process_time() - begun):.0f} by pairs"
    )
    assert found.tolist() == pairs


def main() -> None:
    paper, base = find_recipe("paper", smoke=True), find_recipe("base", smoke=True)
    recipes = {
        "paper": paper,
        "paper, 8 bits": replace(paper, bits=8),
        "paper, 16 bits": replace(paper, bits=16, precision="bf16"),
        "paper, two parts": replace(paper, accumulate=2),
        "base": base,
        "base, softmax": replace(base, contrast="softmax"),
    }
    for name, recipe in recipes.items():
        found = counted(recipe)
        print(f"{name}: {found.kernels} kernels a step, {sum(found.waits.values())} waits {dict(found.waits) or ''}")
    building()
    targets()


if __name__ == "__main__":
    main()
