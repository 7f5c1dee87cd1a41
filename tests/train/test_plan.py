"""The plan's counts against sums done by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lofi.network.losses import place_losses
from tests.counting import Counted
from train.pretraining.memory import HEAD_COPIES, decided, memory
from train.pretraining.recipe import Lora, with_settings
from train.pretraining.work import Part, activations, adapter_weights, operations, step_operations, useful
from train.recipes import find_recipe


def test_operations_of_a_product() -> None:
    # 3 tokens through 4 → 5: 3 · 4 · 5 products and as many sums.
    with torch.device("meta"):
        assert operations(nn.Linear(4, 5), torch.zeros(3, 4)) == 2 * 3 * 4 * 5


def test_operations_of_a_convolution() -> None:
    # 2 × 2 places, each 3 · 16 · 16 products for each of 7 channels: a patch embedding.
    with torch.device("meta"):
        patches = nn.Conv2d(3, 7, 16, 16)
        assert operations(patches, torch.zeros(1, 3, 32, 32)) == 2 * 4 * 3 * 16 * 16 * 7


@pytest.mark.parametrize(
    ("trained", "checkpointing", "times"),
    [(100, False, 3), (0, False, 2), (10, False, 2.1), (100, True, 4)],
    ids=["whole", "frozen", "a tenth", "recomputed"],
)
def test_operations_of_a_step(trained: int, checkpointing: bool, times: float) -> None:
    part = Part("language", weights=100, trained=trained, forward=50.0, kept=0.0)
    assert step_operations(part, checkpointing) == pytest.approx(50 * times)


def test_a_frozen_image_tower_has_no_backward_pass() -> None:
    assert step_operations(Part("image", 100, 0, 50.0, 0.0), checkpointing=True) == 50


def test_useful_operations_are_those_of_films_and_real_places() -> None:
    # 2 films: 3 · 50 each of a whole image tower; and of 20 places assumed a film 30 of 40 real: ¾ of 3 · 8 each.
    parts = [Part("image", 10, 10, 50.0, 0.0), Part("language", 10, 10, 8.0, 0.0)]
    assert useful(parts, films=2, tokens=30, assumed=20) == pytest.approx(2 * 150 + 2 * 0.75 * 24)


def test_activations() -> None:
    assert activations(tokens=10, width=8, layers=3, checkpointing=False) == 3 * 34 * 80
    assert activations(tokens=10, width=8, layers=3, checkpointing=True) == 3 * 4 * 80 + 34 * 80


def test_adapter_weights() -> None:
    layers = nn.ModuleDict({"q": nn.Linear(8, 6), "v": nn.Linear(8, 2), "o": nn.Linear(6, 8)})
    assert adapter_weights(layers, Lora(4, 8, "q|v")) == 4 * (8 + 6) + 4 * (8 + 2)


def test_memory() -> None:
    # 100 weights, 40 of them in 8 bits, 10 trained, so 50 in 16 bits: 10 · 4 + 50 · 2 + 40, 10 · 4, 10 · 8, 3 films of
    # 7 bytes, and 3.5 copies of 4 bytes for each of 1,024 words at 3 · 6 · 40 places, fewer than a chunk.
    recipe = replace(find_recipe("paper"), bits=8)
    part = Part("language", 100, 10, 0.0, 7.0, low_bits=40)
    need = memory([part], recipe, films=3, words=1024)
    logits = 3.5 * 4 * 3 * 6 * 40 * 1024
    assert need == {"weights": 180.0, "gradients": 40.0, "optimiser": 80.0, "activations": 21.0, "logits": logits}
    more = memory([part], recipe, films=64, words=262_144)
    assert more["logits"] == 3.5 * 4 * recipe.head_chunk * 262_144  # a chunk, however many films
    halved = memory([replace(part, low_bits=0)], replace(recipe, bits=16), films=3)
    assert halved["weights"] == 10 * 4 + 90 * 2


def test_checkpointing_only_where_memory_asks() -> None:
    recipe = replace(find_recipe("paper"), head_chunk=0)
    parts = [Part("image", 100, 0, 0.0, kept=1000.0, checkpointed=10.0)]
    whole = 100 * 2 + 3 * 1000  # frozen weights in 16 bits, and what three films leave for the backward pass
    assert recipe.checkpointing is None
    assert decided(recipe, parts, 3, whole / 0.85 + 1).checkpointing is False
    asked = decided(recipe, parts, 3, whole / 0.85 - 1)
    assert asked.checkpointing is True
    assert memory(parts, asked, 3)["activations"] == 30
    assert decided(recipe, parts, 3, None).checkpointing is False, "a CPU"
    for name, value in (("true", True), ("false", False)):
        assert decided(with_settings(recipe, {"checkpointing": name}), parts, 3, 1.0).checkpointing is value
    assert with_settings(asked, {"checkpointing": "auto"}).checkpointing is None


@pytest.mark.parametrize("places", [16, 64])
def test_the_logits_are_counted_as_they_are(places: int) -> None:
    """The peak of head and losses, both passes, in chunks of 16 places; a plan without the backward pass is seen."""
    words, width = 4096, 8
    hidden = torch.randn(places, width, requires_grad=True)
    weight = torch.randn(words, width).bfloat16()
    labels, digits = torch.zeros(places, dtype=torch.long), torch.full((places,), float("nan"))

    def head(rows: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(rows.bfloat16(), weight)

    with Counted() as counted:
        losses, _ = place_losses(hidden, head, labels, digits, None, 1, 1.0, chunk=16)
        losses.sum().backward()
    assert counted.peak / (4 * 16 * words) == pytest.approx(HEAD_COPIES, rel=0.15)
