"""Whether and where together, by hand."""

from pathlib import Path

import pytest

from lofi.results import Grounding
from train.evaluation.answering import Asked, answering_figures
from train.evaluation.questions import Film, Question

BOX, OTHER = (0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9)


def asked(patient: str, sure: float, there: bool, found: tuple[float, ...] = BOX, label: str = "Mass") -> Asked:
    film = Film(
        path=Path("a.png"),
        patient=patient,
        source="nih_bbox",
        split="val",
        findings=("No Finding",) if patient.startswith("normal") else ("Effusion",),
    )
    answer = Grounding("mass", found=True, confidence=sure, boxes=(found,), scores=(sure,))  # type: ignore[arg-type]
    return Asked(Question(0, "mass", label, "", (BOX,) if there else ()), film, answer)


def test_f1_counts_a_box_on_an_absent_phrase_and_one_that_misses() -> None:
    items = [asked("a", 0.9, True), asked("b", 0.9, True, OTHER), asked("normal c", 0.9, False), asked("d", 0.1, False)]
    figures = answering_figures(items, 0.5, 50, 0)["present and as many absent phrases"]
    # one hit of three boxes, two true: 2 / (3 + 2)
    assert figures["F1@0.3"].value == pytest.approx(0.4)
    assert answering_figures(items, 0.95, 50, 0)["present and as many absent phrases"]["F1@0.3"].value == 0


def test_of_a_label_as_many_absent_as_present_phrases() -> None:
    items = [asked("a", 0.9, True), *(asked(f"normal {n}", 0.9, False) for n in range(9))]
    figures = answering_figures(items, 0.5, 50, 0)["present and as many absent phrases"]
    assert figures["F1@0.5"].value == pytest.approx(2 / 3)
    assert figures["F1@0.5"].n == 2


def test_strata_are_films_without_and_with_another_finding() -> None:
    items = [asked("a", 0.6, True), asked("normal b", 0.2, False), asked("c", 0.8, False), asked("d", 0.5, False)]
    figures = answering_figures(items, 0.5, 50, 0)
    none, other = figures["absent: film without a finding"], figures["absent: film with another finding"]
    assert (none["AUROC"].value, other["AUROC"].value) == (1, 0.5)
    assert (none["answered found"].value, other["answered found"].value) == (0, 1)
    assert other["specificity at sensitivity 0.85"].value == 0.5


def test_specificity_is_that_of_the_cut_which_keeps_the_sensitivity() -> None:
    present = [asked(f"p{n}", 0.05 * n, True) for n in range(20)]
    absent = [asked(f"normal {n}", 0.05 * n + 0.01, False) for n in range(20)]
    figures = answering_figures([*present, *absent], 0.5, 50, 0)["absent: film without a finding"]
    # 17 of 20 present phrases lie at 0.15 or above; three absent ones lie below
    assert figures["specificity at sensitivity 0.85"].value == pytest.approx(3 / 20)
