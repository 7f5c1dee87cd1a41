"""What an answer stands for, by thresholds, by what the model was taught and by how the phrase was understood."""

import pytest

from lofi.grounding.standing import standing, stood, to_be_asked, unasked
from lofi.network.concepts import Concept
from lofi.report.understanding import understood
from lofi.results import Grounding

KNOWN = {
    "effusion": Concept("pleural effusion", 10, 4, "boxes"),
    "edema": Concept("pulmonary edema", 7, 0, "absence"),
    "mass": Concept("mass", 5, 0, "labels"),
}
BOX = (0.1, 0.1, 0.4, 0.4)


@pytest.mark.parametrize(
    ("phrase", "confidence", "placed", "expected"),
    [
        ("effusion", 0.7, True, "found"),
        ("effusion", 0.6, True, "found"),
        ("effusion", 0.5, True, "unsure"),
        ("effusion", 0.3, True, "not found"),
        ("effusion", 0.7, False, "not found"),
        ("mass", 0.7, True, "found"),
        ("edema", 0.9, True, "never learnt"),
        ("pacemaker", 0.9, True, "never learnt"),
        ("edema or effusion", 0.9, True, "found"),
        ("no effusion", 0.9, True, "denied"),
        ("no edema", 0.9, True, "denied"),
        ("zeppelin", 0.9, True, "not understood"),
        ("🫁", 0.9, True, "not understood"),
    ],
)
def test_standing(phrase: str, confidence: float, placed: bool, expected: str) -> None:
    assert standing(understood(phrase), KNOWN, confidence, placed, low=0.4, high=0.6) == expected


@pytest.mark.parametrize(("phrase", "expected"), [("edema", "found"), ("zeppelin", "found"), ("🫁", "not understood")])
def test_a_model_that_does_not_say_what_it_was_taught(phrase: str, expected: str) -> None:
    assert standing(understood(phrase), None, 0.9, True, 0.5, 0.5) == expected


def test_the_answer_carries_what_was_typed_what_was_asked_and_a_sentence() -> None:
    said = understood("L oedema")
    answer = stood(Grounding("left edema", True, 0.8, (BOX,), (0.7,)), "L oedema", said, KNOWN, "tiny", 0.5, 0.5)
    assert (answer.phrase, answer.asked, answer.state) == ("L oedema", "left edema", "never learnt")
    assert answer.boxes == (BOX,)
    assert not answer.found
    assert answer.note == "tiny was never shown an example of edema: its box is a guess."
    assert answer.to_json()["state"] == "never learnt"


def test_a_box_of_what_was_learnt_from_labels_alone_is_a_guess() -> None:
    given = Grounding("x", True, 0.8, (BOX,), (0.7,))
    answers = {
        phrase: stood(given, phrase, understood(phrase), KNOWN, "tiny", 0.4, 0.6) for phrase in ("mass", "effusion")
    }
    assert (answers["mass"].state, answers["mass"].guess, answers["mass"].concepts) == ("found", True, ("mass",))
    assert (answers["effusion"].state, answers["effusion"].guess) == ("found", False)


@pytest.mark.parametrize(("chance", "words"), [(0.6, "likely"), (0.59, "unsure"), (0.4, "unsure"), (0.39, "unlikely")])
def test_the_chance_in_words(chance: float, words: str) -> None:
    answer = stood(Grounding("x", False, chance), "effusion", understood("effusion"), KNOWN, "tiny", 0.4, 0.6)
    assert answer.likely == words
    assert stood(Grounding("x", False, chance), "edema", understood("edema"), KNOWN, "tiny", 0.4, 0.6).likely == ""


def test_what_is_denied_is_not_asked() -> None:
    said = understood("no effusion")
    assert not to_be_asked(said, KNOWN)
    answer = unasked("no effusion", said, KNOWN, "tiny")
    assert (answer.state, answer.boxes, answer.confidence) == ("denied", (), 0.0)
    assert to_be_asked(understood("edema"), KNOWN)


def test_an_answer_whose_state_is_not_decided_says_what_it_found() -> None:
    assert Grounding("mass", False, 0.1).standing == "not found"
    assert Grounding("mass", True, 0.9, (BOX,), (0.9,)).to_json()["state"] == "found"
