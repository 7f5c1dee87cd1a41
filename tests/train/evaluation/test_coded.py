"""Pointing to coded places: sides are the patient's, thirds those of the lung, one code a finding."""

from pathlib import Path

import pytest

from lofi.results import Box, Grounding
from train.evaluation.coded import BARE, LUNG, SIDE, WORDS, CodedPlace, coded_figures, coded_places, questions
from train.evaluation.questions import Film

UPPER, LOWER = (0.1, 0.15, 0.3, 0.25), (0.1, 0.55, 0.3, 0.75)
LUNG_BOX = (0.1, 0.1, 0.45, 0.7)


def film(*codes: str) -> Film:
    return Film(Path("a.png"), "p", "openi", "val", codes=codes)


def answer(*boxes: Box) -> Grounding:
    return Grounding("", True, 0.9, boxes, tuple(0.9 - 0.1 * n for n in range(len(boxes))))


def test_one_code_with_one_side() -> None:
    films = [
        film("Opacity/lung/upper lobe/right", "Nodule/lung/lingula"),
        film("Opacity/lung/base/left", "Opacity/lung/base/right"),
        film("Opacity/lung/bilateral", "Pleural Effusion/left", "Cardiomegaly/mild", "Fractures, Bone/ribs/left"),
    ]
    places = coded_places(films)
    assert places == [
        CodedPlace(0, "lung opacity", "right", "upper lobe"),
        CodedPlace(0, "nodule", "left", "lingula"),
        CodedPlace(2, "effusion", "left", ""),
    ]
    assert questions(places) == {
        BARE: [(0, "lung opacity"), (0, "nodule"), (2, "pleural effusion")],
        SIDE: [(0, "right lung opacity"), (0, "left nodule"), (2, "left pleural effusion")],
        WORDS: [(0, "lung opacity in the right upper lobe"), (0, "nodule in the lingula")],
        LUNG: [(0, "right lung"), (0, "left lung"), (2, "left lung")],
    }


def test_halves_and_thirds_by_hand() -> None:
    """Two places: an apex answered low, then high, then not at all; a base on the other side."""
    films = [film(), film()]
    places = [CodedPlace(0, "nodule", "right", "apex"), CodedPlace(1, "nodule", "left", "base")]
    found = coded_figures(
        places,
        {
            BARE: [answer(LOWER, UPPER), answer(LOWER)],
            SIDE: [answer(UPPER), answer(LOWER)],
            WORDS: [answer(), answer(LOWER)],
            LUNG: [answer(LUNG_BOX), answer(LUNG_BOX)],
        },
        films,
        50,
        0,
    )
    assert {name: (estimate.value, estimate.n) for name, estimate in found.items()} == {
        "half, bare (chance 0.5)": (0.5, 2),
        "third, bare": (0.5, 2),
        "third, side": (1.0, 2),
        "third, words": (0.5, 2),
        "third, chance": (pytest.approx(1 / 3), 2),
    }


def test_nothing_coded_tells_nothing() -> None:
    assert coded_figures([], {}, [], 10, 0) == {}
