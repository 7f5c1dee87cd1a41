"""A step in parts is the step: its losses and the gradient of every weight, whatever the contrast."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from train.feeding.batches import Batch, Batches
from train.feeding.generated import generate
from train.pretraining.accumulation import own_rows, parts_of
from train.pretraining.recipe import Recipe
from train.pretraining.run import Run, prepare
from train.pretraining.step import Objective, Whole
from train.recipes import find_recipe
from train.recipes.smoke import SIDE

PARTS = 2
CHANGES: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "softmax": {"contrast": "softmax"},
    "reports pooled": {"sentences": "pooled"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOFI_DEVICE", "cpu")
        # Location tokens: a loss on expected coordinates too.
        recipe = replace(find_recipe("ablate:tokens", smoke=True), batch=8)
        return prepare(recipe, [generate(folder / "films", 16, SIDE)], folder, folder / "cache")


def step(run: Run, recipe: Recipe, spoil: Callable[[list[Whole]], list[Whole]] | None = None) -> list[Tensor]:
    """The losses of a step, then the gradient of every trained weight, as the loop takes them."""
    made = run.batches
    batches = Batches(made.records, made.cache, recipe, made.writer, made.text_tokens, made.prefix)
    objective = Objective(run.network, recipe, made.writer.tokens)
    parts: list[Batch] = [batches.build(recipe.accumulate * 3 + number) for number in range(recipe.accumulate)]
    wholes: list[Any] = [None] if len(parts) == 1 else parts_of(objective, run.network, parts, recipe)
    run.network.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    for batch, whole in zip(parts, wholes if spoil is None else spoil(wholes), strict=True):
        losses = objective(batch, whole)
        losses["total"].backward()
        sums = {name: sums.get(name, torch.zeros(())) + value.detach() for name, value in losses.items()}
    trained = [weight for weight in run.network.parameters() if weight.requires_grad]
    assert len(trained) > 50
    return [*sums.values(), *(torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in trained)]


def same(found: list[Tensor], wanted: list[Tensor]) -> bool:
    scale = max(float(one.abs().max()) for one in wanted[7:])
    return all(torch.allclose(a, b, rtol=2e-3, atol=2e-5 * max(1.0, scale)) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_step_in_parts_is_the_step(run: Run, changes: dict[str, Any]) -> None:
    recipe = replace(run.recipe, **changes)
    assert same(step(run, replace(recipe, accumulate=PARTS)), step(run, recipe))


def forgetful(wholes: list[Whole]) -> list[Whole]:
    """The sentences learn nothing of the films in the other part."""
    return [replace(whole, text=torch.zeros_like(whole.text)) for whole in wholes]


def even(wholes: list[Whole]) -> list[Whole]:
    """The mean of the parts' token means in place of the mean over the tokens of the step."""
    return [replace(whole, shares=torch.full_like(whole.shares, 1 / len(wholes))) for whole in wholes]


@pytest.mark.parametrize("mistake", [forgetful, even])
def test_a_planted_mistake_is_seen(run: Run, mistake: Callable[[list[Whole]], list[Whole]]) -> None:
    recipe = replace(run.recipe, accumulate=PARTS)
    assert not same(step(run, recipe, mistake), step(run, run.recipe))


@pytest.mark.parametrize(("sentences", "pieces"), [(7, 2), (7, 3), (1, 2)])
def test_every_sentence_of_a_step_is_some_parts_own(sentences: int, pieces: int) -> None:
    rows = [own_rows(sentences, piece, pieces) for piece in range(pieces)]
    assert {row for own in rows for row in range(own.start, own.stop)} == set(range(sentences))
    assert all(own.stop > own.start for own in rows)
