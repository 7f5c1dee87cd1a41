"""Which sentence is true of which film."""

from dataclasses import replace

import numpy as np
import pytest

from train.data.records import FilmRecord
from train.feeding.reports import columns, sentences_of, spoken, words_of

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
    assert spoken([[words_of(first)]], [words_of(second)], 0.8).tolist() == [[same]]


@pytest.mark.parametrize("least", [0.5, 0.6, 0.8, 1.0])
def test_one_product_says_what_every_pair_says(least: float) -> None:
    """Against sets compared pair by pair, films without a sentence and sentences without a word among them."""
    rng = np.random.default_rng(0)
    films = [
        [frozenset(rng.choice(list("abcdefg"), rng.integers(0, 6)).tolist()) for _ in range(rng.integers(0, 4))]
        for _ in range(9)
    ]
    taken = [words for film in films for words in film[:2]]

    def alike(first: frozenset[str], second: frozenset[str]) -> bool:
        return bool(first | second) and len(first & second) >= least * len(first | second)

    expected = [[any(alike(words, own) for own in film) for film in films] for words in taken]
    assert spoken(films, taken, least).tolist() == expected


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
