"""What is asked of a film, by hand; and the controls that answer without looking."""

import json
from pathlib import Path

import numpy as np
import pytest

from lofi.boxes import area
from train.data.records import BoxRecord
from train.evaluation.controls import CentrePrior, other_films, random_boxes
from train.evaluation.questions import Film, Question, absent_questions, present_questions, read_films, sample

LEFT, LOWER, RIGHT, HEART = (0.6, 0.2, 0.8, 0.4), (0.6, 0.6, 0.8, 0.8), (0.1, 0.2, 0.3, 0.4), (0.3, 0.5, 0.7, 0.8)


def box(
    phrase: str, label: str, side: str, place: tuple[float, float, float, float], kind: str = "finding"
) -> BoxRecord:
    return BoxRecord(phrase=phrase, label=label, kind=kind, side=side, box=place)


def film(
    patient: str, *boxes: BoxRecord, findings: tuple[str, ...] = (), source: str = "nih_bbox", **more: str
) -> Film:
    return Film(
        path=Path(f"{patient}.png"), patient=patient, source=source, split=more.pop("split", "train"),
        findings=findings, boxes=boxes, **more,
    )  # fmt: skip


FULL = film(
    "a",
    box("pleural effusion", "Effusion", "left", LEFT),
    box("pleural effusion", "Effusion", "left", LOWER),
    box("pleural effusion", "Effusion", "right", RIGHT),
    box("cardiomegaly", "Cardiomegaly", "", HEART),
    box("right lung", "Right Lung", "", RIGHT, kind="anatomy"),
    box("opacity in the left lower lung zone", "Zone Opacity", "left", LOWER, kind="zone"),
    box("opacity in the right lower lung zone", "Zone Opacity", "right", RIGHT, kind="zone"),
    findings=("Effusion", "Cardiomegaly", "Edema"),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bare", {"pleural effusion": (LEFT, LOWER, RIGHT), "cardiomegaly": (HEART,)}),
        (
            "side",
            {"left pleural effusion": (LEFT, LOWER), "right pleural effusion": (RIGHT,), "cardiomegaly": (HEART,)},
        ),
        ("anatomy", {"right lung": (RIGHT,)}),
        (
            "zone",
            {"opacity in the left lower lung zone": (LOWER,), "opacity in the right lower lung zone": (RIGHT,)},
        ),
    ],
)
def test_questions_of_a_film(name: str, expected: dict) -> None:
    assert {asked.phrase: asked.targets for asked in present_questions([FULL])[name]} == expected


def test_films_are_numbered_in_their_order() -> None:
    assert [asked.film for asked in present_questions([film("x"), FULL])["bare"]] == [1, 1]


def test_absent_phrases_are_boxed_findings_that_nih_does_not_name() -> None:
    asked = {question.label for question in absent_questions([FULL])}
    assert asked == {"Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax"}
    assert not any(question.present for question in absent_questions([FULL]))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(film("b", findings=("Pneumonia",), source="kermany_pneumonia"), id="labels not complete"),
        pytest.param(film("b", findings=()), id="no labels at all"),
    ],
)
def test_absence_is_claimed_only_where_someone_looked(other: Film) -> None:
    assert absent_questions([other]) == []


def test_records_are_read_by_split(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    row = {"image": "i/1.png", "patient_id": "p", "source": "nih_bbox", "split": "val", "age": "067", "sex": "F"}
    bare = {"image": "2.png", "patient_id": "q", "source": "s", "split": "train", "age": "unknown"}
    file.write_text("\n".join(map(json.dumps, [row, bare])) + "\n\n", "utf-8")
    (read,) = read_films(file, ["val"])
    assert (read.path, read.age, read.age_band, read.sex) == (tmp_path / "i/1.png", 67.0, "65+", "F")
    assert [other.age for other in read_films(file)] == [67.0, None]


def test_the_prior_is_the_median_training_box() -> None:
    places = [(0.1, 0.1, 0.3, 0.3), (0.2, 0.1, 0.4, 0.9), (0.3, 0.1, 0.5, 0.5)]
    films = [film(str(n), box("mass", "Mass", "right", place)) for n, place in enumerate(places)]
    held_out = film("v", box("mass", "Mass", "right", (0.9, 0.9, 1.0, 1.0)), split="val")
    prior = CentrePrior.fit([*films, held_out])
    assert prior.answer(Question(0, "right mass", "Mass", "right", ())).tolist() == [[0.2, 0.1, 0.4, 0.5]]
    assert prior.answer(Question(0, "mass", "Mass", "", ())).tolist() == [[0.2, 0.1, 0.4, 0.5]]
    assert prior.answer(Question(0, "left mass", "Mass", "left", ())).shape == (0, 4)


def test_random_boxes_keep_number_and_size_and_stay_inside() -> None:
    question = present_questions([FULL])["bare"][0]
    moved = random_boxes(question, np.random.default_rng(0))
    assert moved.shape == (3, 4)
    assert area(moved) == pytest.approx(area(question.boxes))
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not np.allclose(moved, question.boxes)


def test_the_wrong_film_is_of_another_patient_and_the_same_source() -> None:
    mass = box("mass", "Mass", "left", LEFT)
    films = [film("a", mass), film("a", mass), film("b", mass), film("c", mass, source="other")]
    asked = present_questions(films)["bare"]
    others = other_films(asked, films, np.random.default_rng(0))
    assert others[:3] == [2, 2, others[2]]
    assert others[2] in (0, 1)
    assert films[others[3]].patient != "c"


def test_one_patient_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="two patients"):
        other_films(present_questions([FULL])["bare"], [FULL], np.random.default_rng(0))


@pytest.mark.parametrize("limit", [None, 1, 5, 12, 99])
def test_a_sample_has_the_size_asked_for_without_repeats(limit: int | None) -> None:
    films = [film(str(n), *([FULL.boxes[0]] if n < 4 else [])) for n in range(12)]
    chosen = sample(films, limit, seed=0)
    assert len(chosen) == len({one.patient for one in chosen}) == min(limit or 12, 12)


def test_the_prior_on_the_validation_films(shared: Path) -> None:
    """Figures that decisions hang on: they move only with the films, or if questions or prior change their meaning."""
    from lofi.metrics.grounding import ious
    from train.evaluation.systems import prior_rows

    films = read_films(shared / "cxr" / "records.jsonl")
    held_out = [one for one in films if one.split == "val"]
    asked, prior = present_questions(held_out), CentrePrior.fit(films)
    mean = {name: ious(prior_rows(asked[name], prior)).mean() for name in ("bare", "side", "anatomy")}
    assert {name: len(asked[name]) for name in mean} == {"bare": 178, "side": 211, "anatomy": 218}
    assert mean == pytest.approx({"bare": 0.126, "side": 0.262, "anatomy": 0.656}, abs=0.001)
