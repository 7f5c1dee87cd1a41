"""Questions by sentence, and the figures of the paper and of its rivals, on look-alikes of the sets they quote."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lofi.film.radiograph import Radiograph
from lofi.metrics.bootstrap import Estimate
from lofi.metrics.grounding import contrast_to_noise, heat_iou
from lofi.network.frame import Frame
from lofi.results import Grounding
from tests import tiny
from tests.train.data.conftest import convert  # noqa: F401 (a fixture)
from tests.train.data.sets import OTHER, OTHER_DICOM, OTHER_STUDY, mimic, observation, picture, scene_graph, write_json
from tests.train.data.test_mimic_qba import qba
from tests.train.data.test_ms_cxr import coco, note
from tests.train.data.test_padchest_gr import IMAGE, finding, padchest
from tests.train.data.test_padchest_gr import OTHER as OTHER_IMAGE
from tests.train.test_evaluate import scripted
from train import evaluate
from train.data.records import BoxRecord
from train.evaluation.published import best_iou, inside_of, on_film, similarity
from train.evaluation.questions import Film, Question, present_questions, read_films
from train.evaluation.systems import BOLD, MODEL
from train.pretraining.quick import look, quick_figures

Run = Any
EFFUSION, SPINE, ANGLE = "Small left pleural effusion.", "Scoliosis.", "Right costophrenic angle blunting."
LEFT, LOWER, MIDDLE = (0.6, 0.6, 0.9, 0.9), (0.1, 0.7, 0.3, 0.9), (0.4, 0.1, 0.6, 0.9)


def said(*boxes: tuple[str, str, tuple[float, float, float, float]]) -> Film:
    found = tuple(BoxRecord(text, label, "finding", "left" if x[0] > 0.5 else "", x) for text, label, x in boxes)
    texts = tuple(dict.fromkeys(text for text, _, _ in boxes))
    return Film(Path("x.png"), "p", "padchest_gr", "val", sentences=texts, boxes=found)


def test_a_sentence_is_a_question_with_all_its_boxes_and_labels_are_asked_beside_it() -> None:
    """Not "Scoliosis." with the box of "Sternal wires.", not "right" before "Right costophrenic angle blunting."."""
    film = said(
        (EFFUSION, "Effusion", LEFT), (SPINE, "", MIDDLE), ("Sternal wires.", "", LEFT), (ANGLE, "Effusion", LOWER),
        (EFFUSION, "Effusion", LOWER),
    )  # fmt: skip
    asked = present_questions([film])
    assert {question.phrase: question.targets for question in asked["sentence"]} == {
        "Small left pleural effusion": (LEFT, LOWER),
        "Scoliosis": (MIDDLE,),
        "Sternal wires": (LEFT,),
        "Right costophrenic angle blunting": (LOWER,),
    }
    assert {question.phrase: question.targets for question in asked["bare"]} == {
        "pleural effusion": (LEFT, LOWER, LOWER)
    }
    assert {question.phrase for question in asked["side"]} == {"left pleural effusion", "pleural effusion"}


def of_mimic(convert: Run, tmp_path: Path) -> Path:  # noqa: F811
    place, root = mimic(tmp_path / "mimic"), qba(tmp_path / "qba", observation(EFFUSION, [[300, 200, 500, 400]]))
    second = scene_graph(observation(SPINE, [[200, 40, 300, 360]], OTHER_DICOM), subject=OTHER, study=OTHER_STUDY)
    write_json(root / "scene_data" / f"s{OTHER_STUDY}.scene_graph.json", second)
    convert("mimic_qba", root, mimic=place)
    return tmp_path


def of_ms_cxr(convert: Run, tmp_path: Path) -> Path:  # noqa: F811
    notes = [note([300, 200, 100, 80]), note([0, 0, 50, 40], image=2, text="right apical opacity", category=5)]
    convert("ms_cxr", coco(tmp_path / "ms", notes), mimic=mimic(tmp_path / "mimic"))
    return tmp_path


def of_padchest(convert: Run, tmp_path: Path) -> Path:  # noqa: F811
    found = (IMAGE, [finding(EFFUSION, [list(LEFT), list(LOWER)])]), (OTHER_IMAGE, [finding(SPINE, [list(MIDDLE)])])
    root = padchest(tmp_path / "gr", *found)
    for number, name in enumerate((IMAGE, OTHER_IMAGE)):
        picture(root / "Padchest_GR_files" / name, seed=number)
    convert("padchest_gr", root)
    return tmp_path


def figures(results: dict[str, Any]) -> dict[str, Estimate]:
    return {
        f"{rule}: {name}": value
        for rule, found in results["published rules"].items()
        for name, value in found.items()
    }  # fmt: skip


@pytest.mark.parametrize("make", [of_mimic, of_ms_cxr, of_padchest])
def test_the_papers_figures_on_a_look_alike(make: Any, convert: Run, tmp_path: Path) -> None:  # noqa: F811
    films = read_films(make(convert, tmp_path) / "records of it" / "records.jsonl")
    known = {
        (Radiograph.read(films[q.film].path).sha256, q.phrase): q.targets
        for questions in present_questions(films).values()
        for q in questions
    }

    def oracle(sha256: str, phrase: str) -> Grounding:
        boxes = known.get((sha256, phrase), ())
        return Grounding(phrase, bool(boxes), 0.99 if boxes else 0.01, boxes, (0.99,) * len(boxes))

    setting = evaluate.Setting(resamples=20, untrained=False)
    results = evaluate.evaluate(scripted(oracle), films, films, setting).results
    told = figures(results)
    for system in (MODEL, BOLD):
        rule = f"LoFi: all boxes of a sentence, {system}"
        for name in ("RoDeO localisation", "RoDeO shape", "F1@0.5"):
            assert told[f"{rule}: {name}"].value == pytest.approx(1)
    rule = "MedRPG: sentences with one box, one box answered"
    assert told[f"{rule}: mean IoU (MedRPG)"].value == pytest.approx(1)
    single = sum(len(question.targets) == 1 for question in present_questions(films)["sentence"])
    assert told[f"{rule}: accuracy IoU>0.5 (MedRPG)"].n == single
    for name in ("CNR (BioViL)", "heat-map mIoU (BioViL)"):
        assert np.isfinite(told[f"BioViL: heat map of a sentence: {name}"].value)
    assert json.dumps(list(results["by label"]))


def test_the_curve_watched_in_training_asks_by_sentence(convert: Run, tmp_path: Path) -> None:  # noqa: F811
    films = read_films(of_padchest(convert, tmp_path) / "records of it" / "records.jsonl")
    asked: list[str] = []

    def listening(_: str, phrase: str) -> Grounding:
        asked.append(phrase)
        right = {EFFUSION[:-1]: (LEFT, LOWER), SPINE[:-1]: (MIDDLE,)}.get(phrase, ())
        return Grounding(phrase, bool(right), 0.9, right, (0.9,) * len(right))

    told = quick_figures([look(scripted(listening), films)])
    assert told["iou_sentence"] == pytest.approx(1)
    assert {EFFUSION[:-1], SPINE[:-1]} <= set(asked)


@pytest.mark.parametrize(
    ("boxes", "scores", "iou"),
    [([], [], 0.0), ([LOWER, LEFT], [0.2, 0.9], 1.0), ([LOWER, LEFT], [0.9, 0.2], 0.0)],
    ids=["none answered", "the best box counts", "not the other one"],
)
def test_medrpgs_rule_takes_one_box(boxes: Sequence[Any], scores: Sequence[float], iou: float) -> None:
    answer = Grounding("x", bool(boxes), 0.5, tuple(boxes), tuple(scores))
    assert best_iou(answer, Question(0, "x", "", "", (LEFT,), written=True)) == pytest.approx(iou)


def test_biovils_figures_by_hand() -> None:
    heat, inside = np.array([[0.6, 0.4], [0.2, 0.0]]), np.array([[True, True], [False, False]])
    assert contrast_to_noise(heat, inside) == pytest.approx(0.4 / np.sqrt(0.01 + 0.01))
    assert contrast_to_noise(heat, ~inside) == pytest.approx(-0.4 / np.sqrt(0.02))
    # Cut at 0.1: 3 cells of which 2 are right; at 0.2 and 0.3 just those 2; at 0.4 and 0.5 one of them.
    assert heat_iou(heat, inside) == pytest.approx((2 / 3 + 1 + 1 + 0.5 + 0.5) / 5)
    assert contrast_to_noise(np.ones((2, 2)), inside) == 0


def test_the_map_lies_on_the_film_and_not_on_the_padding() -> None:
    """A film twice as high as wide: of 8 columns the middle 4 are the film. The left half of it is hot."""
    heat = np.zeros((8, 8), dtype=np.float32)
    heat[:, 2:4] = 1.0
    seen = on_film(heat, Frame((160, 80), 80))
    assert seen.shape == (80, 40)
    inside = inside_of(Question(0, "x", "", "", ((0.0, 0.0, 0.5, 1.0),)), (80, 40))
    assert inside.sum() == 80 * 20
    assert seen[inside].mean() > 0.85
    assert seen[~inside].mean() < 0.15


@pytest.mark.parametrize("local", [True, False], ids=["a layer trained for it", "the tower's own pooling"])
def test_similarity_is_that_of_each_patch_and_the_sentence(local: bool) -> None:
    from tests.doubles import noise_film

    model = tiny.model(local=local)
    heat = similarity(model, model.encode(noise_film(0)), "left pleural effusion")
    assert heat.shape[0] == heat.shape[1] > 1
    assert np.abs(heat).max() <= 1 + 1e-5
    assert heat.std() > 0
