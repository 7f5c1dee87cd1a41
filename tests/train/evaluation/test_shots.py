"""The experiment with shots, on the tiny model: every system on every question, controls by hand, the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex, Where
from lofi.grounding import Shot
from lofi.network import checkpoint
from lofi.network.model import LofiModel
from tests.train.test_incontext import folder  # noqa: F401 (a fixture)
from train.evaluate import main
from train.evaluation.questions import read_films
from train.evaluation.shots import COPY, COUNTS, MEAN, NONE, PLANTED, WAYS, Experiment
from train.index import main as index


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:  # noqa: F811
    """A gallery of the train films with its regions, built by the command."""
    out = folder / "gallery"
    model = ["--model", str(folder / "tiny")]
    assert index(["--records", str(folder / "records.jsonl"), "--split", "train", "--out", str(out), *model]) == 0
    return out


@pytest.fixture(scope="module")
def experiment(folder: Path, built: Path) -> Experiment:  # noqa: F811
    model: LofiModel = checkpoint.load(folder / "tiny", "cpu")
    regions = RegionIndex.open(Gallery.open(built, model.fingerprint))
    return Experiment(model, regions, read_films(folder / "records.jsonl"), Where())


def test_every_system_answers_every_question(experiment: Experiment, folder: Path) -> None:  # noqa: F811
    asked = experiment.run(read_films(folder / "records.jsonl", ["val"]))
    assert set(asked) == {"bare", "side"}
    for part in asked.values():
        expected = {NONE, *(f"k {count} {way}" for count in COUNTS for way in WAYS)}
        assert expected <= set(part.rows)
        assert {len(rows) for rows in part.rows.values()} == {len(part.questions)} == {len(part.planted)}
    figures = asked["side"].figures(20, 0)
    # All boxes are one and the same, so copying is perfect, and so is the prior.
    for control in (f"{COPY} (fused)", MEAN, "centre prior"):
        assert figures["systems"][control]["mean IoU"].value == pytest.approx(1)
    assert figures["gains"]["k 4 fused − centre prior"].value <= 0
    # Paired with itself a system differs by nothing, in every resample.
    assert set(figures["against k 0"]) == set(figures["systems"])
    none = figures["against k 0"][NONE]
    assert (none.value, none.low, none.high) == (0, 0, 0)
    gain = figures["systems"]["k 4 fused"]["mean IoU"].value - figures["systems"][NONE]["mean IoU"].value
    assert figures["against k 0"]["k 4 fused"].value == pytest.approx(gain)


def test_no_shot_is_of_the_films_own_patient(experiment: Experiment, folder: Path) -> None:  # noqa: F811
    """Asked of the very films that the gallery is made of; a key that the gallery tidied is still the patient's."""
    own = read_films(folder / "records.jsonl", ["train"])[3]
    ready = experiment.answerer.model.encode(Radiograph.read(own.path))
    key = {study.study_id: study.patient_key for study in experiment.finder.regions.gallery.studies}
    for patient in (own.patient, f" {own.patient}\t"):
        for by in ("fused", "image", "random"):
            shots = experiment._shots(ready, replace(own, patient=patient), "mass", by)
            assert shots
            assert own.patient not in {key[shot.study_id] for shot in shots}


def test_no_gallery_study_no_shot_no_difference(folder: Path, built: Path) -> None:  # noqa: F811
    model = checkpoint.load(folder / "tiny", "cpu")
    regions = RegionIndex.open(Gallery.open(built, model.fingerprint))
    films = read_films(folder / "records.jsonl", ["val"])
    bare = Experiment(model, regions, [], Where(age=(119.0, 120.0))).run(films)["bare"]
    assert np.array_equal(bare.rows[NONE], bare.rows["k 8 fused"])
    assert bare.planted == [(0.0,) * len(PLANTED)]


def test_copied_boxes_by_hand() -> None:
    def shot(name: str, score: float, *boxes: tuple[float, ...]) -> Shot:
        empty = np.zeros((0, 4), dtype=np.float32)
        return Shot(name, "mass", boxes, score, 1.0, empty.astype(np.float16), empty)

    one = shot("a", 0.0, (0.1, 0.1, 0.2, 0.2), (0.0, 0.0, 0.4, 0.4))
    two = shot("b", np.log(1 / 3), (0.4, 0.4, 0.8, 0.8))
    found = dict(Experiment._copied({"image": [two], "phrase": [], "region": [one], "fused": [one, two]}))
    assert found[f"{COPY} (image)"][0].tolist() == [[0.4, 0.4, 0.8, 0.8]]
    assert len(found[f"{COPY} (phrase)"][0]) == 0
    assert len(found[f"{COPY} (fused)"][0]) == 2
    assert found[MEAN][0] == pytest.approx(np.array([[0.1, 0.1, 0.5, 0.5]]))


def command(folder: Path, *more: object) -> list[str]:  # noqa: F811
    records = ["--records", folder / "records.jsonl", "--split", "val", "--resamples", 10]
    return [str(word) for word in ("--model", folder / "tiny", *records, "--shots", *more)]


def test_the_command_writes_table_and_json(
    folder: Path,  # noqa: F811
    built: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(command(folder, "--gallery", built, "--out", tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "k 4 fused" in printed
    assert "Cost" in printed
    written = json.loads((tmp_path / "shots.json").read_text())
    assert set(written["sets"]) == {"bare", "side"}
    assert written["cost"]["k 4 / k 0"] > 0
    assert written["about"]["trained with shots"] == 0
    table = (tmp_path / "shots.md").read_text()
    assert table in printed
    rows = [line for line in table.splitlines() if line.startswith("| fused |")]
    assert len(rows) == 2  # bare and with side
    assert all(row.count("[") == 1 + len(COUNTS) for row in rows)


@pytest.mark.parametrize(("where", "differs"), [("source=nih_bbox", True), ("age=119-120", False)])
def test_examples_may_be_kept_to_another_source(
    folder: Path,  # noqa: F811
    built: Path,
    tmp_path: Path,
    where: str,
    differs: bool,
) -> None:
    """Cross-source: queries of one source, examples of those that the filter lets through."""
    given = ("--gallery", built, "--out", tmp_path, "--source", "nih_bbox", "--shots-where", where)
    assert main(command(folder, *given)) == 0
    written = json.loads((tmp_path / "shots.json").read_text())
    assert written["about"]["gallery"]["where"] == where
    assert written["about"]["sources"] == ["nih_bbox"]
    copied = written["sets"]["bare"]["systems"][f"{COPY} (fused)"]["mean IoU"]["value"]
    assert (copied > 0.9) == differs


def test_what_is_missing_is_said(folder: Path, built: Path) -> None:  # noqa: F811
    with pytest.raises(SystemExit, match="--gallery with boxes"):
        main(command(folder))
