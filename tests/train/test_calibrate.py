"""Calibration as the app asks: with examples of other patients in context where the model knows them."""

import json
import shutil
from pathlib import Path

import pytest

from lofi import checkpoint
from lofi.checkpoint import MANIFEST, WEIGHTS
from lofi.gallery import Gallery, RegionIndex, Where
from lofi.grounding import InContext, Shot, ShotFinder
from lofi.radiograph import Radiograph
from tests.train.test_evaluate_shots import built  # noqa: F401 (a fixture)
from tests.train.test_incontext import folder  # noqa: F401 (a fixture)
from train import calibrate
from train.evaluation.asking import always_answering
from train.evaluation.questions import present_questions, read_films


@pytest.fixture
def able(folder: Path, tmp_path: Path) -> Path:  # noqa: F811
    """The tiny checkpoint as one that was trained with examples; the weights, and so the gallery, are the same."""
    place = shutil.copytree(folder / "tiny", tmp_path / "able")
    manifest = json.loads((place / MANIFEST).read_text())
    manifest["config"]["shots"] = 8
    (place / MANIFEST).write_text(json.dumps(manifest))
    return place


def command(model: Path, folder: Path, *more: object) -> list[str]:  # noqa: F811
    return [str(word) for word in ("--model", model, "--records", folder / "records.jsonl", *more)]


def test_examples_move_the_confidence_and_so_its_calibration(folder: Path, built: Path, able: Path) -> None:  # noqa: F811
    weights = (able / WEIGHTS).read_bytes()
    found = []
    for more in ((), ("--gallery", built), ("--gallery", built, "--shots", 1)):
        assert calibrate.main(command(able, folder, *more)) == 0
        found.append(checkpoint.load(able, "cpu").calibration)
    assert len(set(found)) == 3
    assert (able / WEIGHTS).read_bytes() == weights


def test_it_is_asked_with_the_examples_of_the_app(folder: Path, built: Path, able: Path) -> None:  # noqa: F811
    model = always_answering(checkpoint.load(able, "cpu"))
    films = read_films(folder / "records.jsonl", ["val"])
    asked = present_questions(films)["bare"]
    (answer,) = calibrate.with_examples(model, built, 3, films, asked)
    finder = ShotFinder(model, RegionIndex.open(Gallery.open(built, model.fingerprint)))
    film = model.encode(Radiograph.read(films[0].path))
    shots = finder.shots(film, asked[0].phrase, 3, leave_out=Where(not_patient=(films[0].patient,)))
    (expected,) = InContext(model).answer_each(film, asked[0].phrase, [shots])
    assert len(shots) == 3
    assert answer.confidence == pytest.approx(expected.confidence, abs=1e-6)
    assert answer.boxes == expected.boxes


def test_no_example_is_of_the_films_own_patient(
    folder: Path,  # noqa: F811
    built: Path,  # noqa: F811
    able: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked of the very films that the gallery is made of."""
    model = always_answering(checkpoint.load(able, "cpu"))
    films = read_films(folder / "records.jsonl", ["train"])
    owner = {study.study_id: study.patient_key for study in Gallery.open(built, model.fingerprint).studies}
    used: list[set[str]] = []

    def noted(answerer: InContext, film: object, phrase: str, shots: tuple[Shot, ...], explain: bool) -> None:
        used.append({owner[shot.study_id] for shot in shots})

    monkeypatch.setattr(calibrate, "ground", noted)
    asked = present_questions(films)["bare"]
    calibrate.with_examples(model, built, 8, films, asked)
    assert len(used) == len(asked) > 1
    for question, patients in zip(asked, used, strict=True):
        assert len(patients) > 3
        assert films[question.film].patient not in patients


def test_a_model_without_examples_is_told_so(folder: Path, built: Path) -> None:  # noqa: F811
    with pytest.raises(SystemExit, match="trained with examples"):
        calibrate.main(command(folder / "tiny", folder, "--gallery", built))
