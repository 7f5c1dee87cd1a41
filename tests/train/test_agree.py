"""Both networks heard together: the regression, the shares, and that nobody is answered with his own numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lofi.network.concepts import Concept
from train.agreeing.asking import Heard, Where, Whether
from train.agreeing.figures import told
from train.agreeing.folds import crossed, fold
from train.agreeing.learnt import learnt, trusted
from train.agreeing.place import best_shares, overlap, overlaps
from train.agreeing.presence import fit, odds, unsure_from

N = 12


def whether(patient: str, there: bool, language: float | None, dense: float, concept: str = "mass") -> Whether:
    return Whether(f"{patient}.webp", patient, "nih", concept, there, there, False, language, dense)


def drawn(count: int, concept: str = "mass", offset: float = 0.0, spoken: bool = True) -> list[Whether]:
    """Log-odds of presence are 0.5 · language + 1 · dense − offset."""
    rng = np.random.default_rng(7)
    out = []
    for number in range(count):
        language, dense = rng.normal(0, 2, 2)
        total = (0.5 * language if spoken else 0) + dense - offset
        there = bool(rng.random() < 1 / (1 + math.exp(-total)))
        out.append(whether(f"{concept} {number}", there, language if spoken else None, dense, concept))
    return out


def heat(box: tuple[float, float, float, float]) -> list[float]:
    grid = np.full((N, N), -8.0)
    x0, y0, x1, y1 = (round(v * N) for v in box)
    grid[y0:y1, x0:x1] = 8.0
    return grid.ravel().tolist()


TRUE, WRONG = (0.25, 0.5, 0.5, 0.75), (0.6, 0.1, 0.9, 0.3)


def where(patient: str, written: tuple[float, ...], dense: tuple[float, ...]) -> Where:
    shown = heat(dense)  # type: ignore[arg-type]
    flat = [-8.0] * (N * N)
    return Where(
        f"{patient}.webp", patient, "mass", "left", [list(TRUE)], [list(written)], [list(dense)], [0.9], shown, flat
    )


def test_the_weights_are_found_again() -> None:
    a, b, c = fit(drawn(4000))["mass"]
    assert (a, b) == (pytest.approx(0.5, abs=0.1), pytest.approx(1.0, abs=0.1))
    assert c == pytest.approx(0.0, abs=0.15)


def test_a_concept_of_its_own_has_its_own_cut_and_half_of_each_kind_is_meant() -> None:
    items = [*drawn(3000), *drawn(3000, "nodule", offset=2.0)]
    weights = fit(items)
    assert weights["mass"][:2] == weights["nodule"][:2]
    assert weights["mass"][2] - weights["nodule"][2] == pytest.approx(1.1, abs=0.8)
    for concept in ("mass", "nodule"):
        own = [w for w in items if w.concept == concept]
        sides = [np.mean([(odds(w, weights) or 0) >= 0 for w in own if w.there == there]) for there in (True, False)]
        assert sides[0] == pytest.approx(1 - sides[1], abs=0.08)  # sensitivity and specificity are alike


def test_what_the_language_model_never_learnt_hears_the_dense_network_alone() -> None:
    weights = fit([*drawn(500), *drawn(500, "hernia", spoken=False)])
    assert weights["hernia"][0] == 0
    assert weights["hernia"][1] == pytest.approx(1.0, abs=0.3)


def test_with_too_few_films_of_either_kind_nothing_is_answered() -> None:
    items = [*drawn(300), *(whether(f"x{n}", n < 2, 0.0, 1.0, "nodule") for n in range(30))]
    assert set(fit(items)) == {"mass"}
    assert odds(items[-1], fit(items)) is None


def test_below_the_band_lies_a_twentieth_of_what_is_there() -> None:
    items, weights = drawn(4000), fit(drawn(4000))
    low = unsure_from(items, weights)
    below = np.mean([1 / (1 + math.exp(-(odds(w, weights) or 0))) < low for w in items if w.there])
    assert 0 < low < 0.5
    assert below == pytest.approx(0.05, abs=0.005)


def test_the_network_that_is_right_gets_the_share() -> None:
    trusted = [where(str(n), WRONG, TRUE) for n in range(4)]
    misled = [where(str(n), TRUE, WRONG) for n in range(4)]
    tried = [(0.0, 0.0, 0.0), (0.0, 0.4, 0.5)]
    assert best_shares(overlaps(trusted, tried), tried) == tried[1]
    assert best_shares(overlaps(misled, tried), tried) == tried[0]
    assert best_shares(overlaps([], tried), tried) == tried[0]
    assert overlap(trusted[0], tried[1]) > 0.8
    assert overlap(misled[0], tried[0]) == pytest.approx(1)


def test_nobody_is_answered_with_numbers_chosen_on_himself() -> None:
    heard = Heard(drawn(400), [where(f"mass {n}", WRONG, TRUE) for n in range(40)])
    tried = [(0.0, 0.0, 0.0), (0.0, 0.4, 0.5)]
    own = next(w for w in heard.whether if w.there)
    # However absurd this patient's own film is, his answer does not change: it is not among those that chose.
    absurd = [replace(w, there=not w.there) if w.patient == own.patient else w for w in heard.whether]
    values = [
        {w.patient: v for w, v in crossed(Heard(some, heard.where), tried).odds} for some in (heard.whether, absurd)
    ]
    assert values[0][own.patient] == values[1][own.patient]
    other = next(w.patient for w in heard.whether if fold(w.patient) != fold(own.patient))
    assert values[0][other] != values[1][other]
    assert any("AUROC no-finding films" in line for line in told(crossed(heard, tried)))


def test_the_dense_network_speaks_alone_only_where_it_was_right_on_others() -> None:
    rng = np.random.default_rng(3)
    guessing = [whether(f"g{n}", bool(rng.random() < 0.5), None, float(rng.normal()), "hernia") for n in range(200)]
    heard = Heard([*drawn(300), *drawn(300, "emphysema", spoken=False), *guessing], [where("a", WRONG, TRUE)])
    answers = crossed(heard, [(0.0, 0.0, 0.0)])
    weights = trusted(fit(heard.whether), answers)
    assert {"mass", "emphysema", "heart"} <= set(weights)
    assert "hernia" not in weights
    assert "lung" not in weights, "the language model was taught the lungs"
    taught = {
        name: {"films_with_boxes": 0, "machine_made_films": 9, "boxes": 0, "yes_no_films": {"nih": [40, 50]}}
        for name in weights
    }
    taught["mass"]["films_with_boxes"], taught["mass"]["boxes"] = 30, 33
    table = learnt({"mass": Concept("mass", 20, 25, "boxes")}, taught, weights, answers)
    assert (table["mass"].films, table["mass"].boxes, table["mass"].presence) == (40, 33, "boxes")
    assert (table["emphysema"].boxes, table["emphysema"].presence) == (0, "labels")
    assert (table["heart"].films, table["heart"].presence) == (9, "machine")
    assert table["lung zone"].name == "left or right lung zone"
    assert "both lungs" not in table, "nobody taught a lung"
    lungs = learnt({}, taught | {"lung": taught["heart"]}, weights, answers)["both lungs"]
    assert (lungs.films, lungs.boxes, lungs.presence) == (9, 18, "machine")
    assert table["emphysema"].figures["AUROC"][0] > 0.7


def test_how_often_a_box_is_right_is_counted_for_the_manifest() -> None:
    """Of eight masses asked with their side five boxes lie on the reader's, one by a third, two elsewhere."""
    nearly = (0.25, 0.5, 0.5, 0.6)  # 0.4 of the reader's box
    asked = [where(f"r{n}", TRUE, TRUE) for n in range(5)] + [where("n", nearly, nearly)]
    asked += [where(f"w{n}", WRONG, WRONG) for n in range(2)] + [replace(where("b", TRUE, TRUE), side="")]
    answers = crossed(Heard(drawn(300), asked), [(0.0, 0.0, 0.0)])
    taught = {"mass": {"films_with_boxes": 30, "machine_made_films": 0, "boxes": 33, "yes_no_films": {}}}
    figures = learnt({}, taught, {"mass": (0.5, 1.0, 0.0)}, answers)["mass"].figures
    assert (figures["IoU≥0.5"][0], figures["IoU≥0.5"][3]) == (pytest.approx(5 / 8, abs=1e-3), 8)
    assert (figures["IoU≥0.3"][0], figures["IoU≥0.3"][3]) == (pytest.approx(6 / 8, abs=1e-3), 8)
    assert 0 < figures["IoU≥0.5"][1] < figures["IoU≥0.5"][0] < figures["IoU≥0.5"][2] <= 1
    few = learnt({}, taught, {"mass": (0.5, 1.0, 0.0)}, crossed(Heard(drawn(300), asked[:4]), [(0.0, 0.0, 0.0)]))
    assert set(few["mass"].figures) == {"AUROC"}
