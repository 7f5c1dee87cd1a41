"""Nothing in a step makes a GPU's host wait: neither the losses, nor the optimiser, nor the figures."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.benchmarks.bench_step import counted
from tests.counting import Counted
from tests.train.pretraining.test_loop import on_the_cpu  # noqa: F401 (a fixture)
from train.recipes import find_recipe

CHANGES: dict[str, dict[str, Any]] = {
    "paper": {},
    "8 bits": {"bits": 8},
    "16 bits in two parts": {"bits": 16, "precision": "bf16", "accumulate": 2},
    "softmax, pooled": {"contrast": "softmax", "sentences": "pooled", "chunk": 8},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_step_waits_for_nothing(name: str) -> None:
    found = counted(replace(find_recipe("paper", smoke=True), **CHANGES[name]))
    assert found.kernels > 500
    assert found.waits == Counter()


def test_what_makes_a_host_wait_is_counted() -> None:
    values = torch.arange(4.0, requires_grad=True)
    with Counted() as found:
        chosen = values[values > 1]
        float(chosen.detach().sum())
        chosen.detach().tolist()
        torch.tensor([1], device="cpu")
        chosen.sum().backward()
    assert found.waits == {"index": 1, "_local_scalar_dense": 1, "tolist": 1, "tensor(…, device)": 1, "index_put": 1}
