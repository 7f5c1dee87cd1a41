"""The evaluation from end to end on drawn films: a tiny model, one that knows all answers, and one that is blind."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from lofi.network import checkpoint
from lofi.network.encoder import EncodedFilm
from lofi.network.model import LofiModel
from lofi.results import Box, Grounding
from tests import tiny
from train import evaluate as evaluation
from train.evaluation.asking import always_answering, at_threshold
from train.evaluation.cam import CamProbe, PatchMap, logistic_weights
from train.evaluation.questions import Question, present_questions, read_films
from train.evaluation.systems import BOLD, MODEL, PRIOR, WRONG

FILMS = 16


def row(number: int, generator: np.random.Generator) -> dict:
    """A record of NIH's kind: a bright square, a mass, somewhere on one side; every fourth film is normal."""
    split, normal = ("train", "val")[number % 2], number % 8 >= 6
    x, y = generator.uniform(0.02, 0.25) + 0.5 * (number % 3 == 0), generator.uniform(0.1, 0.7)
    side = "left" if x > 0.5 else "right"
    place = [round(float(value), 4) for value in (x, y, x + 0.2, y + 0.2)]
    return {
        "image": f"{number}.png",
        "patient_id": f"p{number}",
        "source": "nih_bbox",
        "split": split,
        "view": ("PA", "AP")[number % 4 > 1],
        "sex": ("F", "M")[number % 3 > 1],
        "age": str(20 + 5 * number),
        "findings": ["No Finding"] if normal else ["Mass"] if number % 4 < 2 else ["Mass", "Effusion"],
        "label_text": f"PA chest radiograph. Findings: {'none' if normal else 'mass'}.",
        "boxes": [] if normal else [{"phrase": "mass", "label": "Mass", "kind": "finding", "side": side, "box": place}],
    }


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record file and its films, 96 × 64 pixels."""
    folder, generator = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    rows = [row(number, generator) for number in range(FILMS)]
    for item in rows:
        pixels = generator.integers(20, 90, size=(96, 64)).astype(np.uint8)
        for box in item["boxes"]:
            x0, y0, x1, y1 = np.round(np.array(box["box"]) * [64, 96, 64, 96]).astype(int)
            pixels[y0:y1, x0:x1] = 250
        cv2.imwrite(str(folder / item["image"]), pixels)
    file = folder / "records.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return file


class Scripted(LofiModel):
    """The tiny model, its boxes told by ``script``: (hash of the film's file, phrase) → answer."""

    script: Callable[[str, str], Grounding]

    def locate_each(self, asked: Sequence[tuple[EncodedFilm, str]], within: Box | None = None) -> list[Grounding]:
        """What the script says."""
        assert within is None
        return [self.script(film.sha256, phrase) for film, phrase in asked]


def scripted(script: Callable[[str, str], Grounding]) -> Scripted:
    made = tiny.model()
    made.__class__ = Scripted
    made.threshold, made.script = 0.5, script  # type: ignore[attr-defined]
    assert isinstance(made, Scripted)
    return made


def run(model: LofiModel, records: Path) -> dict:
    films, training = read_films(records, ["val"]), read_films(records, ["train"])
    setting = evaluation.Setting(resamples=50, untrained=False)
    return evaluation.evaluate(model, films, training, setting).results


def test_a_model_that_knows_scores_one_and_falls_on_the_wrong_film(records: Path) -> None:
    from lofi.film.radiograph import Radiograph

    films = read_films(records, ["val"])
    known = {
        (Radiograph.read(films[q.film].path).sha256, phrase): q.targets
        for questions in present_questions(films).values()
        for q in questions
        for phrase in (q.phrase, q.label.lower(), f"left {q.label.lower()}", f"right {q.label.lower()}")
    }

    def oracle(sha256: str, phrase: str) -> Grounding:
        boxes = known.get((sha256, phrase), ())
        return Grounding(phrase, bool(boxes), 0.99 if boxes else 0.01, boxes, (0.99,) * len(boxes))

    results = run(scripted(oracle), records)
    for name in ("bare", "side"):
        figures = results["grounding"][name]
        assert all(figure.value == pytest.approx(1.0, abs=1e-5) for figure in figures[MODEL].values())
        assert figures[WRONG]["mean IoU"].value < 0.5
        assert figures[PRIOR]["mean IoU"].value < 0.5
        assert results["gains"][name][f"{MODEL} − {WRONG}"].low > 0
    told = results["presence"]["absent: not among the film's labels"]
    assert (told["sensitivity"].value, told["specificity"].value) == (1, 1)
    assert told["ECE"].value == pytest.approx(0.01)
    assert set(results["by label"]["side"]) == {"Mass"}


def test_a_model_that_always_answers_alike_gains_nothing_over_the_wrong_film(records: Path) -> None:
    results = run(scripted(lambda _, phrase: Grounding(phrase, True, 0.7, ((0.1, 0.1, 0.6, 0.6),), (0.7,))), records)
    assert results["gains"]["side"][f"{MODEL} − {WRONG}"].value == 0
    assert results["presence"]["absent: not among the film's labels"]["specificity"].value == 0


def test_below_its_threshold_a_model_says_not_found(records: Path) -> None:
    results = run(scripted(lambda _, phrase: Grounding(phrase, True, 0.2, ((0.0, 0.0, 1.0, 1.0),), (0.2,))), records)
    assert results["grounding"]["side"][MODEL]["mean IoU"].value == 0
    assert results["grounding"]["side"][BOLD]["mean IoU"].value == pytest.approx(0.04, abs=0.001)


def test_at_threshold_is_what_the_model_itself_answers(records: Path) -> None:
    """One pass without threshold replaces two: both must say the same."""
    from lofi.film.radiograph import Radiograph

    model = tiny.model()
    radiograph = Radiograph.read(read_films(records)[0].path)
    bold = always_answering(model).locate(radiograph, "mass")
    for threshold in (bold.confidence - 1e-6, bold.confidence + 1e-6):
        model.threshold = model.unsure_from = threshold
        assert at_threshold(bold, threshold) == model.locate(radiograph, "mass")


def test_the_command_writes_everything(records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = tmp_path / "model", tmp_path / "out"
    checkpoint.save(model, tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    (records.parent / "lost.jsonl").write_text(
        records.read_text("utf-8") + "\n" + json.dumps({**row(1, np.random.default_rng(9)), "image": "no.png"}), "utf-8"
    )
    asked = ["--model", str(model), "--records", str(records.parent / "lost.jsonl"), "--split", "val"]
    assert evaluation.main([*asked, "--resamples", "20", "--gradcam", "--out", str(out)]) == 0
    shown, content = capsys.readouterr().out, json.loads((out / "metrics.json").read_text("utf-8"))
    assert (content["about"]["films"], content["about"]["unreadable"]) == (8, 1)
    systems = set(content["grounding"]["side"])
    assert systems >= {"centre prior", "wrong film", "random boxes of the right size", "Grad-CAM"}
    assert any("untrained" in name for name in systems)
    assert all(name in shown for name in systems)
    assert "NaN" not in (out / "metrics.json").read_text("utf-8")
    assert str(records.parent) not in (out / "metrics.json").read_text("utf-8") + shown
    for picture in ("plots.png", "contact_sheet.png"):
        assert cv2.imread(str(out / picture)).shape[0] > 500


def test_without_training_boxes_no_prior_flatters_the_model(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint.save(tmp_path / "model", tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    sealed = records.parent / "sealed.jsonl"
    sealed.write_text("\n".join(line for line in records.read_text("utf-8").splitlines() if '"val"' in line), "utf-8")
    options = ["--model", str(tmp_path / "model"), "--records", str(sealed), "--split", "val", "--resamples", "20"]
    assert evaluation.main([*options, "--skip-untrained", "--skip-reports"]) == 0
    told = capsys.readouterr()
    assert "centre prior" not in told.out
    assert "--train-records" in told.err
    assert evaluation.main([*options, "--skip-untrained", "--skip-reports", "--train-records", str(records)]) == 0
    assert "centre prior" in capsys.readouterr().out


def test_an_unknown_split_is_said_in_words(records: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path, tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    with pytest.raises(SystemExit, match="sealed"):
        evaluation.main(["--model", str(tmp_path), "--records", str(records), "--split", "sealed"])


def test_cam_boxes_the_hot_patches_on_the_film_not_on_the_padding() -> None:
    """A film twice as high as wide fills the middle 4 columns of 8. Patches 2–3 down, 4–5 across are hot."""
    from lofi.network.frame import Frame

    grid = np.zeros((8, 8, 2))
    grid[2:4, 4:6, 0] = 1.0
    grid[6, 2, 0] = 1.5
    probe = CamProbe(("Mass",), np.array([[1.0, 0.0]]), cut=0.5)
    box, point = probe.answer(PatchMap(grid, Frame((160, 80), 80)), Question(0, "left mass", "Mass", "left", ()))
    assert box[0] == pytest.approx([0.5, 0.25, 1.0, 0.5], abs=0.07)
    assert point is not None
    assert 0.5 <= point[0] <= 1.0
    missing, nowhere = probe.answer(PatchMap(grid, Frame((8, 8), 8)), Question(0, "nodule", "Nodule", "", ()))
    assert len(missing) == 0
    assert nowhere is None


def test_the_probe_finds_the_feature_that_tells_the_label() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(200, 5))
    weights = logistic_weights(features, (features[:, 3] > 0.5).astype(float)[:, None])
    assert weights.shape == (1, 5)
    assert int(np.abs(weights[0]).argmax()) == 3
