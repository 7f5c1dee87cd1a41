"""The plan's counts against sums done by hand."""

import pytest
import torch
from torch import nn

from train.plan import (
    Part,
    activations,
    adapter_weights,
    memory,
    operations,
    step_operations,
)
from train.pretraining.recipe import Lora
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


def test_activations() -> None:
    assert activations(tokens=10, width=8, layers=3, checkpointing=False) == 3 * 34 * 80
    assert activations(tokens=10, width=8, layers=3, checkpointing=True) == 3 * 4 * 80 + 34 * 80


def test_adapter_weights() -> None:
    layers = nn.ModuleDict({"q": nn.Linear(8, 6), "v": nn.Linear(8, 2), "o": nn.Linear(6, 8)})
    assert adapter_weights(layers, Lora(4, 8, "q|v")) == 4 * (8 + 6) + 4 * (8 + 2)


def test_memory() -> None:
    # 100 weights, 40 of them in 8 bits, 10 trained: 60 · 4 + 40, 10 · 4, 10 · 8, and 3 films of 7 bytes.
    recipe = find_recipe("paper")
    need = memory([Part("language", 100, 10, 0.0, 7.0, low_bits=40)], recipe, films=3)
    assert need == {"weights": 280.0, "gradients": 40.0, "optimiser": 80.0, "activations": 21.0}
