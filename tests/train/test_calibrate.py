"""Calibration: the confidence fitted and the threshold set, the weights as they were."""

import json
import shutil
from pathlib import Path

from lofi.network import checkpoint
from lofi.network.checkpoint import MANIFEST, WEIGHTS
from tests.train.test_incontext import folder  # noqa: F401 (a fixture)
from train import calibrate
from train.evaluation.asking import Plan, always_answering, ask
from train.evaluation.questions import absent_questions, present_questions, read_films


def test_the_threshold_answers_the_wanted_share(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    place = shutil.copytree(folder / "tiny", tmp_path / "able")
    weights = (place / WEIGHTS).read_bytes()
    assert (
        calibrate.main(["--model", str(place), "--records", str(folder / "records.jsonl"), "--sensitivity", "0.5"]) == 0
    )
    model = checkpoint.load(place, "cpu")
    assert (place / WEIGHTS).read_bytes() == weights
    assert model.calibration != (1.0, 0.0)
    assert json.loads((place / MANIFEST).read_text())["threshold"] == model.threshold
    films = read_films(folder / "records.jsonl", ["val"])
    present = [question for name in ("bare", "side") for question in present_questions(films)[name]]
    assert absent_questions(films)
    plan = Plan({"all": [(question.film, question.phrase) for question in present]})
    answers = ask(always_answering(model), films, plan).groundings["all"]
    share = sum(answer.confidence >= model.threshold for answer in answers) / len(answers)
    assert share >= 0.5
