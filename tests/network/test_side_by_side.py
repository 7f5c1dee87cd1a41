"""Answers written side by side are those that each would be alone."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from lofi.boxes import as_boxes
from lofi.engine import Engine
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery
from lofi.network.decoding import begin_box, greedy
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.network.side_by_side import written
from lofi.network.text import grounding_prompt
from lofi.results import Grounding
from lofi.settings import Settings
from tests import tiny
from tests.doubles import noise_film

PHRASES = (
    "left mass", "pleural effusion", "opacity in the right lung", "left pleural effusion", "opacity",
)  # fmt: skip
WHERE = as_boxes([[0.1, 0.1, 0.5, 0.5], [0.5, 0.6, 0.9, 0.9], [0.2, 0.3, 0.9, 0.8]])
Film = tuple[LofiModel, list[EncodedFilm]]


def same(found: list[Grounding], expected: list[Grounding]) -> None:
    """Alike up to the rounding of a larger product; a different answer differs by a bin at least."""
    for one, other in zip(found, expected, strict=True):
        assert (one.phrase, one.found, len(one.boxes)) == (other.phrase, other.found, len(other.boxes))
        assert 1 - one.confidence == pytest.approx(1 - other.confidence, rel=2e-3, abs=1e-9)
        np.testing.assert_allclose(np.ravel(one.boxes), np.ravel(other.boxes), atol=1e-4)
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def alone(model: LofiModel, pairs: list[tuple[EncodedFilm, str]]) -> list[Grounding]:
    return [model.locate(film, phrase) for film, phrase in pairs]


def outspoken(locations: str, kind: str, factor: float) -> LofiModel:
    """The tiny model, its weights such that it says something else of every phrase."""
    model = tiny.model(locations, kind)
    with torch.no_grad():
        for weights in model.network.language.parameters():
            weights.mul_(factor)
    return model


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
@pytest.mark.parametrize("locations", ["tokens", "digits"])
def test_of_several_films(locations: str, kind: str) -> None:
    model = outspoken(locations, kind, 3 if locations == "tokens" else 1.5)
    films = [model.encode(noise_film(number, size_hw=(64, 40 + 20 * number))) for number in range(2)]
    pairs = list(product(films, PHRASES))
    expected = alone(model, pairs)
    told = [answer.confidence for answer in expected]
    assert len({f"{1 - one:.2e}" for one in told}) > 3, "all alike would hide a mix-up"
    same(model.locate_each(pairs), expected)
    model.threshold = model.unsure_from = float(np.median(told))  # some rows write a box, some do not
    same(model.locate_each(pairs), alone(model, pairs))
    box = (0.1, 0.2, 0.7, 0.9)
    same(model.locate_each(pairs, box), [model.locate(film, phrase, box) for film, phrase in pairs])
    described = [(film, WHERE[:count]) for film in films for count in (1, 2)]
    assert model.describe_each(described) == [model.describe_together(film, boxes) for film, boxes in described]
    assert model.report_each(films) == [model.report(film) for film in films]


@torch.inference_mode()
def test_digits_after_a_begun_box() -> None:
    """What fresh weights write there is no box, so that the ids themselves are compared."""
    model = outspoken("digits", "llama", 3)
    tokens, language = model.language_tokens, model.network.language
    cache = model.encode(noise_film(0)).cache
    prompts = [[*tokens.encode(grounding_prompt(phrase)), *begin_box(tokens)] for phrase in PHRASES]
    together = written(language, [cache] * len(prompts), [greedy(prompt, 12, -1) for prompt in prompts])
    assert len({tuple(ids) for ids, _ in together}) > 2
    for prompt, (ids, chances) in zip(prompts, together, strict=True):
        ((own, sure),) = written(language, [cache], [greedy(prompt, 12, -1)])
        assert (ids, chances) == (own, pytest.approx(sure, abs=1e-4))


@pytest.fixture(scope="module")
def bundled(engine: Engine, settings: Settings) -> Film:
    """The bundled model, which hears a dense network and a heat map, and two films of its gallery."""
    gallery = Gallery.open(settings.gallery)
    paths = [path for study in gallery.studies if (path := gallery.image_path(study))][:2]
    return engine.model, [engine.model.encode(Radiograph.read(path)) for path in paths]


def test_with_the_dense_network_heard(bundled: Film) -> None:
    model, films = bundled
    phrases = ("left pleural effusion", "cardiomegaly", "rib fracture", "mass in the right upper lung zone", "zeppelin")
    pairs = list(product(films, phrases))
    assert any(heard is not None and heard.alone for heard in (model.hear(*pair) for pair in pairs))
    same(model.locate_each(pairs), alone(model, pairs))
    assert model.describe_each([(film, WHERE[:1]) for film in films]) == [
        model.describe_together(film, WHERE[:1]) for film in films
    ]


class Counting:
    """A language model that answers each row with what it was told last; remembers how many rows each pass had."""

    def __init__(self) -> None:
        self.passes: list[tuple[int, int]] = []

    def parameters(self) -> Iterator[torch.Tensor]:
        yield torch.zeros(1)

    joined: Callable[..., Any] = staticmethod(lambda caches: Prefix(len(caches)))

    def advance(self, ids: Any, cache: "Prefix") -> Any:
        assert len(ids) == cache.rows
        self.passes.append(tuple(ids.shape))
        return ids[:, -1:].float()


class Prefix:
    def __init__(self, rows: int = 1) -> None:
        self.rows = rows

    def get_seq_length(self) -> int:
        return 0

    def batch_select_indices(self, indices: Any) -> None:
        self.rows = len(indices)


def counted(prompt: int, steps: int) -> Any:
    """Goes on by the next number after each; tells what it was sent."""
    heard, ids = [], [100] * (prompt - 1) + [steps]
    for step in range(steps):
        logits = yield ids
        heard.append(int(logits[0]))
        ids = [10 * steps + step]
    return heard


def test_who_has_ended_leaves_and_prompts_of_a_length_go_together() -> None:
    """Ten of length 3 in passes of four rows at most, one of length 2; the n-th ends after n % 3 steps."""
    language, steps = Counting(), [n % 3 for n in range(11)]
    decodings = [counted(2 if n == 10 else 3, count) for n, count in enumerate(steps)]
    found = written(language, [Prefix()] * 11, decodings, most=4)  # type: ignore[arg-type]
    assert found == [[count, *(10 * count + step for step in range(count - 1))][:count] for count in steps]
    assert language.passes == [(4, 3), (2, 1), (2, 3), (1, 1), (1, 2)]
    assert written(language, [], []) == []  # type: ignore[arg-type]


def test_answers_out_of_step_are_refused() -> None:
    def uneven(more: int) -> Any:
        yield [1]
        yield [1] * more

    with pytest.raises(ValueError, match="equally many"):
        written(Counting(), [Prefix()] * 2, [uneven(1), uneven(2)])  # type: ignore[arg-type]
