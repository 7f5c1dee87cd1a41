"""A pass without transformers' bookkeeping is a pass with it: the same numbers, for prefixes, steps and masked rows."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from lofi.network import llama
from lofi.network.config import LanguageConfig
from lofi.network.language import Language

WIDTH = 32


def language_of(kind: str, heads: int = 4) -> Language:
    torch.manual_seed(3)
    settings: dict[str, Any] = {
        "model_type": kind,
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": heads,
        "vocab_size": 70,
        "max_position_embeddings": 64,
    }
    return Language(LanguageConfig(transformers=settings)).eval()


@pytest.fixture(params=[4, 2], ids=["own keys", "shared keys"])
def language(request: pytest.FixtureRequest) -> Iterator[Language]:
    with torch.inference_mode():
        yield language_of("llama", request.param)


def answers(language: Language) -> list[Tensor]:
    """The logits of a prefix that two questions go on from, one of them with two masked rows."""
    prefix, words = torch.randn(1, 9, WIDTH, generator=torch.Generator().manual_seed(1)), torch.tensor([5, 60, 33])
    cache = language.start(prefix)
    first, second = language.branch(cache), language.branch(cache)
    found = [language.step(words, first), *(language.step(torch.tensor([one]), first) for one in (7, 8))]
    visible = torch.ones(1, 3, 12, dtype=torch.bool).tril(9)
    visible[0, 2, 2:5] = False
    positions = torch.tensor([[9, 10, 9]])
    found.append(language.extend(language.embed(words)[None], positions, visible, second, keep=2))
    return [*found, language.step(words, language.branch(cache))]


def test_it_says_what_transformers_says(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    assert llama.runs(language.model)
    ours = answers(language)
    monkeypatch.setattr(llama, "runs", lambda _: False)
    for own, theirs in zip(ours, answers(language), strict=True):
        torch.testing.assert_close(own, theirs, rtol=0, atol=1e-5)


def test_what_a_branch_is_told_stays_in_it(language: Language) -> None:
    first, *_, last = answers(language)
    assert torch.equal(first, last)


def test_other_kinds_are_left_to_transformers() -> None:
    gemma = language_of("gemma")
    assert not llama.runs(gemma.model)
    with torch.inference_mode():
        assert cast(Any, gemma.start(torch.randn(1, 9, WIDTH))).get_seq_length() == 9
