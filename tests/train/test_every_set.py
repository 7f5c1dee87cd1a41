"""What comes after training works on the records of every kind of set: sentences, labels alone, absolute paths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from lofi.gallery import Gallery
from lofi.network import checkpoint
from lofi.results import Study
from tests import tiny
from tests.train.data.conftest import convert  # noqa: F401 (a fixture)
from tests.train.data.sets import (
    DICOM,
    OTHER,
    OTHER_DICOM,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    llava_rad,
    mimic,
    picture,
    reports,
)
from tests.train.data.test_padchest_gr import IMAGE, finding, padchest
from tests.train.data.test_padchest_gr import OTHER as OTHER_IMAGE
from tests.train.evaluation.test_published import EFFUSION, LEFT, MIDDLE, SPINE, of_mimic, of_ms_cxr
from train import calibrate, index
from train.data.records import BoxRecord
from train.evaluation.questions import Film
from train.evaluation.whether import whether_questions
from train.indexing.arguments import films_root

Run = Any


def of_labels(convert: Run, tmp_path: Path) -> Path:  # noqa: F811
    said = reports(
        tmp_path / "llava",
        train=[llava_rad(SUBJECT, STUDY, DICOM, "Large right effusion.")],
        dev=[llava_rad(OTHER, OTHER_STUDY, OTHER_DICOM, "Clear lungs.")],
    )
    convert("mimic_cxr", mimic(tmp_path / "mimic"), reports=said)
    return tmp_path


def of_padchest(convert: Run, tmp_path: Path) -> Path:  # noqa: F811
    found = (
        (IMAGE, [finding(EFFUSION, [list(LEFT)])]),
        (OTHER_IMAGE, [finding(SPINE, [list(MIDDLE)], labels=["scoliosis"])]),
    )
    root = padchest(tmp_path / "gr", *found)
    for number, name in enumerate((IMAGE, OTHER_IMAGE)):
        picture(root / "Padchest_GR_files" / name, seed=number)
    convert("padchest_gr", root)
    return tmp_path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    checkpoint.save(place, tiny.network(), tiny.tokenizer_files(), data={}, metrics={})
    return place


@pytest.mark.parametrize("made", [of_mimic, of_padchest, of_ms_cxr, of_labels], ids=lambda made: made.__name__)
def test_calibrated_and_indexed(
    made: Callable[..., Path],
    model: Path,
    convert: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOFI_DEVICE", "cpu")
    records = made(convert, tmp_path) / "records of it" / "records.jsonl"
    text = records.read_text("utf-8").replace('"split": "train"', '"split": "val"').replace('"test"', '"val"')
    records.write_text(text, "utf-8")  # two films are few: all in one split
    assert calibrate.main(["--model", str(model), "--records", str(records), "--sensitivity", "0.5"]) == 0
    out = tmp_path / "gallery"
    assert index.main(["--records", str(records), "--out", str(out), "--model", str(model)]) == 0
    gallery = Gallery.open(out)
    assert len(gallery) == len(text.splitlines())
    assert not any(Path(study.image).is_absolute() for study in gallery.studies)


def film(patient: str, *boxes: BoxRecord, **known: Any) -> Film:
    return Film(Path(f"{patient}.png"), patient, "padchest_gr", "val", boxes=boxes, **known)


def boxed(phrase: str, label: str) -> BoxRecord:
    return BoxRecord(phrase, label, "finding", "", (0.1, 0.1, 0.5, 0.5))


def test_where_nothing_is_denied_another_patients_phrase_is_absent() -> None:
    films = [film("a", boxed("scoliosis", "")), film("b", boxed("mass", "Mass")), film("b", boxed("mass", "Mass"))]
    asked = [(one.film, one.phrase.casefold(), one.present) for one in whether_questions(films)]
    assert (0, "mass", False) in asked
    assert (1, "mass", True) in asked
    assert not [one for one in asked if one[0] == 1 and one[1] == "mass" and not one[2]]


def test_a_split_that_says_nothing_is_refused_in_words(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="known to be present"):
        whether_questions([film("a", report="Clear.")])
    (tmp_path / "records.jsonl").write_text("")
    with pytest.raises(SystemExit, match="Cannot calibrate"):
        calibrate.main(["--model", str(model), "--records", str(tmp_path / "records.jsonl")])


def test_films_are_looked_for_above_all_of_them(tmp_path: Path) -> None:
    def study(image: str) -> Study:
        return Study(image, "", image=image)

    near, far = str(tmp_path / "a" / "x.png"), str(tmp_path / "b" / "c" / "y.png")
    assert films_root([study("x.png")], tmp_path) == tmp_path
    assert films_root([study(near), study(far)], Path("/elsewhere")) == tmp_path
    assert films_root([study(near), study("z.png")], tmp_path / "d") == tmp_path
    with pytest.raises(BadQuery, match="--images-root"):
        films_root([study(near), study("/other/y.png")], tmp_path)
