"""Presence by label and the tables of wordings, by hand, with a model that answers from a list."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from lofi.network.concepts import Concept
from lofi.results import Grounding
from train.evaluation.presence import NORMAL, OTHER, label_figures, label_questions, never_shown
from train.evaluation.questions import Film, Question
from train.evaluation.wordings import DENIALS, SIDES, WordTables, side_spelling

KNOWN = {
    "mass": Concept("mass", 5, 3, "boxes"),
    "edema": Concept("pulmonary edema", 5, 0, "absence"),
    "effusion": Concept("pleural effusion", 5, 3, "boxes"),
}


def film(number: int, *findings: str) -> Film:
    return Film(Path(f"{number}.png"), f"p{number}", "nih_bbox", "val", findings=findings)


FILMS = [film(0, "Edema"), film(1, "Edema", "Mass"), film(2, "Edema"), film(3, "No Finding"), film(4, "Mass")]


def test_a_label_without_boxes_is_asked_too_and_rare_ones_are_not() -> None:
    asked = label_questions(FILMS)
    assert {one.label for one in asked} == {"Edema"}
    assert {one.phrase for one in asked} == {"pulmonary edema"}
    assert [(one.film, one.present, one.normal) for one in asked] == [
        *((0, True, False), (1, True, False), (2, True, False), (3, False, True), (4, False, False))
    ]


def test_figures_by_hand() -> None:
    """Confidence 0.9, 0.6, 0.1 with it; 0.2 without a finding, 0.7 with another; threshold ½: sensitivity ⅔."""
    asked = label_questions(FILMS)
    answers = [Grounding("", False, sure) for sure in (0.9, 0.6, 0.1, 0.2, 0.7)]
    figures = label_figures(asked, answers, FILMS, 0.5, None, 50, 0)["Edema"]
    assert figures["sensitivity"].value == pytest.approx(2 / 3)
    assert figures[f"specificity, {NORMAL}"].value == 1.0
    assert figures[f"specificity, {OTHER}"].value == 0.0
    assert figures[f"AUROC, {NORMAL}"].value == pytest.approx(2 / 3)
    assert figures[f"AUROC, {OTHER}"].value == pytest.approx(1 / 3)


def test_what_was_never_learnt_is_named_as_such() -> None:
    assert never_shown("Edema", KNOWN)
    assert not never_shown("Mass", KNOWN)
    assert never_shown("Hernia", KNOWN)
    assert not never_shown("Hernia", None)
    asked = label_questions(FILMS)
    figures = label_figures(asked, [Grounding("", False, 0.1)] * len(asked), FILMS, 0.5, KNOWN, 20, 0)
    assert any("never learnt" in name for name in figures["Edema"])


@dataclass
class Listed:
    """A model that boxes the side that it is asked for, and the left without one."""

    name: str = "listed"
    concepts: dict = field(default_factory=lambda: KNOWN)

    def locate(self, phrase: str) -> Grounding:
        box = (0.1, 0.4, 0.3, 0.8) if "right" in phrase.split() else (0.7, 0.4, 0.9, 0.8)
        return Grounding(phrase, True, 0.9, (box,), (0.9,))


def test_wordings() -> None:
    model = Listed()
    asked = [
        Question(0, "mass", "Mass", "", ((0, 0, 1, 1),)),
        Question(0, "right mass", "Mass", "right", ((0, 0, 1, 1),)),
    ]
    tables = WordTables(model, 0.5, [SimpleNamespace(patient="p")], asked)
    phrases = tables.phrases()
    tables.tell([model.locate(phrase) for _, phrase in phrases])
    figures = tables.figures(20, 0)
    sides = figures["best box on the asked side"]
    assert len(sides) == len(SIDES) == 12
    assert {figure.value for figure in sides.values()} == {1.0}
    assert set(figures["with a box, denied phrases"]) == set(DENIALS)
    assert {figure.value for figure in figures["with a box, denied phrases"].values()} == {0.0}
    assert {figure.value for figure in figures["found, words outside the domain"].values()} == {0.0}
    assert {figure.value for figure in figures["IoU with the canonical phrase, synonyms"].values()} == {1.0}
    assert (0, "no mass") not in phrases
    assert phrases.count((0, "right mass")) == 1


def test_ways_to_write_a_side() -> None:
    assert side_spelling("{Sh}. {phrase}", "mass", "right") == "Rt. mass"
    assert side_spelling("{phrase} ({s})", "mass", "left") == "mass (L)"
