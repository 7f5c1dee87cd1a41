"""A model that writes boxes in digits obeys its threshold: what is said first is not what is likelier."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from lofi.network.decoding import begin_box, digit_boxes, digit_presence
from lofi.network.model import LofiModel
from lofi.network.side_by_side import written
from tests import tiny
from tests.doubles import noise_film

BOX = "[[1, 2, 5, 6]]"


class Said(list[list[int]]):
    """What each row of a batch was told after the film."""

    def get_seq_length(self) -> int:
        return 0

    def batch_select_indices(self, indices: Tensor) -> None:
        self[:] = [self[number] for number in indices.tolist()]


class Told:
    """A language model by rule: "[]" has 0.45, "[[" 0.40 and other words the rest; once begun, it writes ``BOX``."""

    def __init__(self, model: LofiModel) -> None:
        self.tokens, self.stop = model.language_tokens, model._stop
        self.empty, self.box = self.tokens.encode("[]"), [*self.tokens.encode(BOX), self.stop]

    def parameters(self) -> Iterator[Tensor]:
        yield torch.zeros(1)

    @staticmethod
    def joined(caches: Sequence[Any]) -> Said:
        return Said([] for _ in caches)

    def advance(self, ids: Tensor, cache: Said) -> Tensor:
        return torch.stack([self.step(row, said) for row, said in zip(ids, cache, strict=True)])

    def step(self, ids: Tensor, cache: list[int]) -> Tensor:
        cache += ids.tolist()
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
    (presence,) = written(told, [Said()], [digit_presence(told.tokens, prompt)])  # type: ignore[arg-type]
    boxes = digit_boxes(told.tokens, prompt, model.grammar, presence, 60, told.stop)
    (found,) = written(told, [Said()], [boxes])  # type: ignore[arg-type]
    assert found.presence == pytest.approx(0.55, abs=1e-3)
    assert found.boxes.tolist() == [[0.001, 0.002, 0.005, 0.006]]
    assert found.scores == pytest.approx((0.55,), abs=1e-2)


@pytest.mark.parametrize(("threshold", "found"), [(0.5, True), (0.6, False)])
def test_the_threshold_says_whether_there_is_a_box(
    model: LofiModel, threshold: float, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, language = Told(model), model.network.language
    encoded = model.encode(noise_film(0, (64, 64)))
    monkeypatch.setattr(language, "advance", told.advance)
    monkeypatch.setattr(language, "joined", told.joined)
    monkeypatch.setattr(model, "threshold", threshold)
    monkeypatch.setattr(model, "unsure_from", threshold)
    answer = model.locate(encoded, "mass")
    assert (answer.found, bool(answer.boxes)) == (found, found)
    assert answer.confidence == pytest.approx(0.55, abs=1e-3)
