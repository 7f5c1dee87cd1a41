"""A compiled run computes what a plain one does, and batches of all lengths are served by a few graphs."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.utils import counters

from tests.benchmarks.bench_step import loop_of, prepared
from train.feeding.packing import pack
from train.pretraining.compiling import PLACES, SENTENCES, filled
from train.pretraining.pending import Wishes
from train.pretraining.recipe import Recipe
from train.recipes import find_recipe


def losses(recipe: Recipe, steps: int) -> tuple[list[float], list[int], set[tuple[int, ...]], set[int]]:
    """Loss of each step, the graphs compiled so far, and the lengths of films and numbers of sentences there were."""
    with prepared(recipe) as run:
        loop, found, graphs, places, sentences = loop_of(run), [], [], set(), set()
        for step in range(steps):
            batch = run.batches.build(step)
            places.add(tuple((batch.packed.film >= 0).sum(1).tolist()))
            sentences.add(len(batch.sentences))
            figures, _ = loop.settle(loop.step(step, [batch], Wishes()))
            found.append(figures["total"])
            graphs.append(counters["stats"]["unique_graphs"])
    return found, graphs, places, sentences


@pytest.fixture(scope="module")
def plain() -> list[float]:
    """Losses of a run that is not compiled; recomputed activations are the same numbers."""
    torch._dynamo.reset()
    counters.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOFI_DEVICE", "cpu")
        found, graphs, _, _ = losses(replace(find_recipe("paper", smoke=True), checkpointing=False), 4)
    assert not any(graphs), "nothing is compiled where nobody asks for it"
    return found


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch looks at it itself
@pytest.mark.parametrize("checkpointing", [True, False], ids=["checkpointed", "kept"])
def test_all_lengths_are_few_graphs(checkpointing: bool, plain: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    torch._dynamo.reset()
    counters.clear()
    recipe = replace(find_recipe("paper", smoke=True), checkpointing=checkpointing)
    compiled, graphs, places, sentences = losses(replace(recipe, compile="eager"), 4)
    assert len(places) > 2
    assert len(sentences) > 1
    assert 0 < graphs[0] <= 6, "one for each kind of block; a sliding and a full layer of the language model are two"
    assert graphs[-1] == graphs[0], "a batch of another length was compiled anew"
    assert compiled == pytest.approx(plain, rel=1e-4)


def test_lengths_are_rounded_up() -> None:
    packed = pack([[], []], PLACES - 1, 0, PLACES)
    assert packed.ids.shape == (2, PLACES)
    assert pack([[], []], PLACES, 0, PLACES).ids.shape == (2, 2 * PLACES)
    assert filled(torch.ones(SENTENCES + 1, 7)).shape == (2 * SENTENCES, 7)
    assert filled(torch.ones(SENTENCES, 7)).shape == (SENTENCES, 7)
