"""Which sentence is true of which film."""

from dataclasses import replace

import numpy as np
import pytest

from train.data.records import FilmRecord
from train.feeding.reports import alike, columns, sentences_of, words_of

REPORTS = [
    "The lungs are clear. No pleural effusion.",
    "Lungs are clear. There is a left mass.",
    "The lungs are clear. No pleural effusion",
    "",
]
FILMS = [FilmRecord("", f"p{n}", "x", "train") for n in range(4)]  # type: ignore[arg-type]


def test_empty_report_has_no_sentence() -> None:
    assert sentences_of("") == []
    assert sentences_of(" .  . ") == []


def test_sentences_keep_numbers_whole() -> None:
    assert sentences_of("A 2.5 cm mass. No effusion.\nHeart normal") == ["A 2.5 cm mass", "No effusion", "Heart normal"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("No effusion.", "no Effusion", True),
        ("No effusion", "Effusion", False),
        ("The lungs are clear", "Lungs are clear", False),
    ],
)
def test_alike(first: str, second: str, same: bool) -> None:
    assert alike(words_of(first), words_of(second), 0.8) is same


def test_a_sentence_is_a_column_and_true_of_every_film_that_says_it() -> None:
    found = columns(FILMS, REPORTS, np.random.default_rng(0), 5, pooled=False, least=0.8)
    truths = dict(zip(found.texts, found.targets, strict=True))
    assert found.pooling is None
    assert len(found.texts) == 6
    assert truths["The lungs are clear"] == [1, -1, 1, -1]
    assert truths["There is a left mass"] == [-1, 1, -1, -1]
    assert truths["No pleural effusion"] == [1, -1, 1, -1]


def test_pooled_reports_of_the_same_words_are_positives_of_one_another() -> None:
    found = columns(FILMS, REPORTS, np.random.default_rng(0), 5, pooled=True, least=0.8)
    assert found.targets == [[1, -1, 1, -1], [-1, 1, -1, -1], [1, -1, 1, -1]]
    assert found.pooling is not None
    assert [sum(row) for row in found.pooling] == [1, 1, 1]
    assert found.pooling[0] == [0.5, 0.5, 0, 0, 0, 0]


def test_no_more_sentences_than_asked_for() -> None:
    report = ". ".join(f"Sentence number {n}" for n in range(9))
    found = columns(FILMS[:2], [report, report], np.random.default_rng(0), 5, pooled=False, least=0.99)
    assert len(found.texts) == 10


def test_a_set_s_own_sentences_stand_for_those_of_the_report() -> None:
    films = [replace(FILMS[0], sentences=("Left mass.", "No effusion.")), FILMS[1]]
    found = columns(films, ["Compared with ___. Left mass.", "No effusion."], np.random.default_rng(0), 5, False, 0.8)
    assert sorted(found.texts) == ["Left mass", "No effusion", "No effusion"]
    assert dict(zip(found.texts, found.targets, strict=True)) == {"Left mass": [1, -1], "No effusion": [1, 1]}
