"""Who answers, and with how many shots: by what the model was trained for and what the gallery has."""

from dataclasses import replace

import pytest

from lofi.engine import Engine
from lofi.film.radiograph import Radiograph
from lofi.gallery import RegionIndex
from lofi.grounding import Grounder, Shot, ShotFinder
from lofi.network.model import LofiModel
from lofi.results import Grounding
from tests import tiny
from tests.doubles import noise_film

PHRASE = "pleural effusion"


@pytest.fixture(scope="module")
def able(finder: ShotFinder) -> LofiModel:
    """The tiny model as one that was trained with shots."""
    made = tiny.model()
    made.config = replace(made.config, shots=8)
    return made


@pytest.mark.parametrize(
    ("trained", "indexed", "count", "expected"),
    [
        pytest.param(True, True, 2, 2, id="shots"),
        pytest.param(True, True, 0, 0, id="switched off"),
        pytest.param(True, False, 2, 0, id="no boxes in the gallery"),
        pytest.param(False, True, 2, 0, id="not trained for it"),
    ],
)
def test_shots_where_they_help(
    able: LofiModel,
    model: LofiModel,
    finder: ShotFinder,
    film: Radiograph,
    trained: bool,
    indexed: bool,
    count: int,
    expected: int,
) -> None:
    asked = able if trained else model
    grounder = Grounder.of(asked, finder.regions if indexed else None, count)
    encoded = asked.encode(film)
    answer = grounder.ground(encoded, PHRASE)
    assert len(answer.evidence) == expected
    if not expected:
        assert answer == asked.locate(encoded, PHRASE)


def test_the_films_own_patient_gives_no_example(able: LofiModel, finder: ShotFinder) -> None:
    own = finder.regions.gallery.studies[1]
    answer = Grounder.of(able, finder.regions, 8).ground(able.encode(noise_film(1)), PHRASE, [own])
    assert answer.evidence
    assert not {"s1", "s6"} & {item.study_id for item in answer.evidence}  # s6 is of the same patient
    keyless = replace(own, patient_key="")
    answer = Grounder.of(able, finder.regions, 8).ground(able.encode(noise_film(1)), PHRASE, [keyless])
    assert "s1" not in {item.study_id for item in answer.evidence}


class Reader:
    """An answerer that wants the film itself."""

    name, most = "reader", 8

    def hears(self, shot: Shot) -> bool:
        return True

    def answer_each(self, film: object, phrase: str, sets: list) -> list[Grounding]:
        assert isinstance(film, Radiograph)
        return [Grounding(phrase, True, 0.5, ((0.1, 0.1, 0.2, 0.2),), (0.5,)) for _ in sets]


def test_another_answerer_gets_film_and_shots(model: LofiModel, finder: ShotFinder, film: Radiograph) -> None:
    grounder = Grounder.of(model, finder.regions, 2, Reader())
    answer = grounder.ground(model.encode(film), PHRASE, pixels=film)
    assert answer.boxes == ((0.1, 0.1, 0.2, 0.2),)
    assert [item.moved for item in answer.evidence] == [0, 0]
    assert Grounder.of(model, None, 2, Reader()).ground(model.encode(film), PHRASE, pixels=film).evidence == ()


def test_the_engine_says_which_examples_it_used(
    able: LofiModel, finder: ShotFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RegionIndex, "open", classmethod(lambda cls, gallery: finder.regions))
    engine = Engine(able, finder.regions.gallery, shots=3)
    film = noise_film(200)
    (answer,) = engine.ground(film, [f"{PHRASE}."])
    assert answer.phrase == f"{PHRASE}."
    assert len(answer.to_json()["evidence"]) == 3
    assert [item["study_id"] for item in answer.to_json()["evidence"]] == [s.study_id for s in answer.evidence]
    (alone,) = Engine(able, finder.regions.gallery, shots=0).ground(film, [PHRASE])
    assert alone.evidence == ()
    (read,) = Engine(able, finder.regions.gallery, 3, Reader()).ground(film, [PHRASE])
    assert read.boxes == ((0.1, 0.1, 0.2, 0.2),)
