"""The model as its users see it, on a tiny network with random weights."""

import threading

import numpy as np
import pytest

from lofi.boxes import as_boxes
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.network.model import LofiModel
from lofi.results import Grounding
from tests import tiny
from tests.doubles import noise_film


@pytest.fixture(scope="module", params=["tokens", "digits"])
def model(request: pytest.FixtureRequest) -> LofiModel:
    return tiny.model(request.param)


@pytest.fixture(scope="module")
def film() -> Radiograph:
    return Radiograph.from_pixels(np.random.default_rng(0).random((90, 60)).astype(np.float32))


def test_embeddings_are_unit_rows(model: LofiModel, film: Radiograph) -> None:
    images, texts = model.embed([film, film]), model.embed_text(["left mass", "no mass", "clear lungs"])
    assert images.shape == (2, 16)
    assert texts.shape == (3, 16)
    assert images.dtype == texts.dtype == np.float32
    assert np.linalg.norm(np.concatenate([images, texts]), axis=1) == pytest.approx(1, abs=1e-5)
    assert images[0] == pytest.approx(model.encode(film).embedding, abs=1e-5)


def test_nothing_in_nothing_out(model: LofiModel) -> None:
    assert model.embed([]).shape == (0, 16)
    assert model.embed_text([]).shape == (0, 16)


def test_padding_does_not_change_a_sentence(model: LofiModel) -> None:
    alone = model.embed_text(["left mass"])[0]
    beside = model.embed_text(["left mass", "no pleural effusion in the left lung is clear"])[0]
    assert alone == pytest.approx(beside, abs=1e-5)


def test_boxes_lie_in_the_film_and_have_scores(model: LofiModel, film: Radiograph) -> None:
    answer = model.locate(film, "  left   pleural effusion. ")
    assert answer.phrase == "left pleural effusion"
    assert len(answer.boxes) == len(answer.scores)
    assert answer.found == bool(answer.boxes)
    as_boxes(answer.boxes)
    assert all(0 <= value <= 1 for box in answer.boxes for value in box)
    assert all(0 <= score <= answer.confidence <= 1 for score in answer.scores)
    assert list(answer.scores) == sorted(answer.scores, reverse=True)


def test_the_threshold_makes_it_not_found(film: Radiograph) -> None:
    strict = tiny.model()
    strict.threshold = strict.unsure_from = 1.1
    answer = strict.locate(film, "mass")
    assert (answer.found, answer.boxes, answer.scores) == (False, (), ())
    assert 0 < answer.confidence < 1


def test_an_encoded_film_gives_the_same_answer_again_and_to_many(model: LofiModel, film: Radiograph) -> None:
    """The cache of the prefix is copied, never extended: asking twice, or from two threads, changes nothing."""
    encoded = model.encode(film)
    phrases = ["left mass", "pleural effusion", "right lung opacity"] * 3
    alone = [model.locate(film, phrase) for phrase in phrases]
    together: dict[int, object] = {}

    def ask(index: int) -> None:
        together[index] = model.locate(encoded, phrases[index])

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(phrases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(len(phrases))] == alone


@pytest.mark.parametrize("phrase", ["", "  .", "x" * 301], ids=["empty", "only a stop", "too long"])
def test_phrases_that_cannot_be_asked(model: LofiModel, film: Radiograph, phrase: str) -> None:
    with pytest.raises(BadQuery):
        model.locate(film, phrase)


def test_describe_gives_a_phrase_a_box(model: LofiModel, film: Radiograph) -> None:
    phrases = model.describe(film, as_boxes([[0.1, 0.1, 0.5, 0.5], [0.5, 0.5, 0.9, 0.9]]))
    assert len(phrases) == 2
    assert all(isinstance(phrase, str) for phrase in phrases)
    assert not any("<" in phrase for phrase in phrases)


def test_report_sentences_end_with_a_stop(model: LofiModel, film: Radiograph) -> None:
    assert all(sentence.sentence.endswith(".") for sentence in model.report(film))


def test_a_new_phrase_goes_through_the_text_tower_once() -> None:
    model = tiny.model(local=True)
    model.heat_share = 0.8
    passes: list[int] = []
    model.network.text.register_forward_hook(lambda *_: passes.append(1))
    encoded = model.encode(noise_film(0))
    for phrase in ("Left mass", "left mass", "left mass."):
        model.locate(encoded, phrase)
    assert model.embed_phrase("LEFT MASS").shape == (model.text_dim,)
    assert len(passes) == 1
    model.locate(encoded, "right mass")
    assert len(passes) == 2


@pytest.mark.parametrize(
    ("drafted", "asked"),
    [
        ("there is no mass. the lungs are clear. effusion has resolved.", []),
        ("left mass. no effusion. the heart is enlarged.", ["left mass", "the heart is enlarged"]),
        (f"{'left mass ' * 40}. no effusion. no mass.", [("left mass " * 40)[:300]]),
    ],
    ids=["denied or normal", "asserted among denied", "longer than a phrase"],
)
def test_only_what_a_draft_asserts_is_looked_for(
    drafted: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, looked_for = tiny.model(), []

    def locate_each(pairs: list[tuple[object, str]]) -> list[Grounding]:
        looked_for.extend(phrase for _, phrase in pairs)
        return [Grounding(phrase, False, 0.0) for _, phrase in pairs]

    monkeypatch.setattr(model, "_write", lambda *_: [drafted])
    monkeypatch.setattr(model, "locate_each", locate_each)
    assert len(model.report(noise_film(0))) == 3
    assert looked_for == asked
