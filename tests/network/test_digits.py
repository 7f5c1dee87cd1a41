"""A model that writes boxes in digits obeys its threshold: what is said first is not what is likelier."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from lofi.network.decoding import begin_box, locate_digits
from lofi.network.model import LofiModel
from tests import tiny
from tests.doubles import noise_film

BOX = "[[1, 2, 5, 6]]"


class Told:
    """A language model by rule: "[]" has 0.45, "[[" 0.40 and other words the rest; once begun, it writes ``BOX``."""

    def __init__(self, model: LofiModel) -> None:
        self.tokens, self.stop = model.language_tokens, model._stop
        self.empty, self.box = self.tokens.encode("[]"), [*self.tokens.encode(BOX), self.stop]

    def parameters(self) -> Iterator[Tensor]:
        yield torch.zeros(1)

    @staticmethod
    def branch(cache: Any) -> list[int]:
        return []

    def step(self, ids: Tensor, cache: list[int]) -> Tensor:
        said = [] if len(ids) > 9 else cache  # a prompt is longer than any answer so far
        cache[:] = [*said, *ids.tolist()]
        answer = cache[cache.index(self.box[0]) :] if self.box[0] in cache else []
        chances = torch.full((len(self.tokens),), 1e-6)
        if not answer:
            chances[self.box[0]] = 1.0
        elif len(answer) == 1:
            chances[self.empty[1]], chances[self.box[1]], chances[-1] = 0.45, 0.40, 0.15
        elif answer == self.box[: len(answer)] and len(answer) < len(self.box):
            chances[self.box[len(answer)]] = 1.0
        else:
            chances[self.stop] = 1.0
        return (chances / chances.sum()).log()


@pytest.fixture(scope="module")
def model() -> LofiModel:
    return tiny.model("digits")


def test_the_beginning_of_a_box_holds_no_digit(model: LofiModel) -> None:
    tokens = model.language_tokens
    assert begin_box(tokens) == tokens.encode("[[")


def test_a_box_is_written_though_none_is_the_likeliest_single_answer(model: LofiModel) -> None:
    told = Told(model)
    prompt = model.language_tokens.encode('Detect all instances of "mass".')
    found = locate_digits(told, told.tokens, prompt, [], model.grammar, 60, told.stop)  # type: ignore[arg-type]
    assert found.presence == pytest.approx(0.55, abs=1e-3)
    assert found.boxes.tolist() == [[0.001, 0.002, 0.005, 0.006]]
    assert found.scores == pytest.approx((0.55,), abs=1e-2)


@pytest.mark.parametrize(("threshold", "found"), [(0.5, True), (0.6, False)])
def test_the_threshold_says_whether_there_is_a_box(
    model: LofiModel, threshold: float, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, language = Told(model), model.network.language
    encoded = model.encode(noise_film(0, (64, 64)))
    monkeypatch.setattr(language, "step", told.step)
    monkeypatch.setattr(language, "branch", told.branch)
    monkeypatch.setattr(model, "threshold", threshold)
    monkeypatch.setattr(model, "unsure_from", threshold)
    answer = model.locate(encoded, "mass")
    assert (answer.found, bool(answer.boxes)) == (found, found)
    assert answer.confidence == pytest.approx(0.55, abs=1e-3)
