from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_csv, write_json

Run = Any
IMAGE, OTHER = "216840111366964012283393834152009027160348352_00-014-160.png", "second_01-002-003.png"
STUDY = "251488034557732338959601580328898734705"
COLUMNS = [
    "StudyID",
    "ImageID",
    "label",
    "boxes_count",
    "split",
    "PatientID",
    "PatientSex_DICOM",
    "PatientAge",
    "label_group",
]


def finding(sentence: str | None, boxes: object = None, **changed: Any) -> dict[str, Any]:
    return {
        "sentence_en": sentence,
        "sentence_es": "Frase.",
        "abnormal": True,
        "boxes": boxes or [],
        "extra_boxes": [[0.0, 0.0, 0.9, 0.9]],
        "labels": ["pleural effusion"],
        "locations": ["basal"],
        "progression": None,
    } | changed


def normal(sentence: str) -> dict[str, Any]:
    """A normal sentence as released: without boxes and labels."""
    return {"sentence_en": sentence, "sentence_es": "Frase.", "abnormal": False}


def padchest(root: Path, *studies: tuple[str, list[Any]], folder: str = "Padchest_GR_files") -> Path:
    value = [{"StudyID": STUDY, "ImageID": name, "PreviousStudyID": None, "findings": found} for name, found in studies]
    write_json(root / "grounded_reports_20240819.json", value)
    facts = [
        (STUDY, IMAGE, "pleural effusion", 1, "train", "p1", "F", 67, "effusion"),
        (STUDY, IMAGE, "pleural effusion", 1, "train", "p1", "F", 67, "effusion"),
        ("2", OTHER, "Normal", 0, "validation", "p2", "M", "", ""),
    ]
    write_csv(root / "master_table.csv", COLUMNS, facts)
    for name in (IMAGE, OTHER):
        picture(root / folder / name)
    return root


@pytest.mark.parametrize("folder", ["Padchest_GR_files", "Padchest_GR_files/PadChest_GR"], ids=["flat", "one deeper"])
def test_grounded_report(convert: Run, tmp_path: Path, folder: str) -> None:
    boxes = [[0.1, 0.6, 0.3, 0.9], [0.7, 0.6, 0.9, 0.9]]
    found = [finding("Bilateral pleural effusion.", boxes), normal("Normal heart.")]
    records, _ = convert(
        "padchest_gr", padchest(tmp_path / "gr", (IMAGE, found), (OTHER, [normal("Clear.")]), folder=folder)
    )
    first, second = records
    assert [(box["phrase"], box["label"], box["side"], box["box"]) for box in first["boxes"]] == [
        ("Bilateral pleural effusion.", "Effusion", "right", boxes[0]),
        ("Bilateral pleural effusion.", "Effusion", "left", boxes[1]),
    ]
    assert first["sentences"] == ["Bilateral pleural effusion.", "Normal heart."]
    assert first["report"] == "Bilateral pleural effusion. Normal heart."
    assert (first["split"], first["patient_id"], first["sex"], first["age"]) == ("train", "padchest-p1", "F", "67")
    assert (second["split"], second["findings"], second["boxes"]) == ("val", ["No Finding"], [])


def test_finding_without_a_box_keeps_its_sentence(convert: Run, tmp_path: Path) -> None:
    records, _ = convert(
        "padchest_gr", padchest(tmp_path / "gr", (IMAGE, [finding("Hyperinflation.", labels=["hyperinflated lung"])]))
    )
    assert (records[0]["sentences"], records[0]["boxes"]) == (["Hyperinflation."], [])
    assert records[0]["findings"] == ["hyperinflated lung"]


def test_boxes_of_a_normal_sentence_are_not_taken(convert: Run, tmp_path: Path) -> None:
    found = [finding("No effusion.", [[0.1, 0.1, 0.2, 0.2]], abnormal=False)]
    records, _ = convert("padchest_gr", padchest(tmp_path / "gr", (IMAGE, found)))
    assert (records[0]["boxes"], records[0]["findings"]) == ([], ["No Finding"])


def test_pixels_in_place_of_fractions_are_dropped(convert: Run, tmp_path: Path) -> None:
    root = padchest(tmp_path / "gr", (IMAGE, [finding("Effusion.", [[100, 200, 300, 400], [0.1, 0.1, 0.2, 0.2]])]))
    records, tally = convert("padchest_gr", root)
    assert len(records[0]["boxes"]) == 1
    assert tally.dropped_boxes == {"outside the film": 1}


@pytest.mark.parametrize(
    ("name", "found", "reason"),
    [
        ("unknown.png", [], "a report that the master table lacks"),
        ("../" + IMAGE, [], "a report without an image"),
        (None, [], "a report without an image"),
        (OTHER, [], "nothing is said of the film"),
        (OTHER, [finding(None, labels=[])], "nothing is said of the film"),
    ],
    ids=["unknown", "climbing", "none", "no findings", "empty sentence"],
)
def test_hostile_studies(convert: Run, tmp_path: Path, name: Any, found: list[Any], reason: str) -> None:
    root = padchest(tmp_path / "gr", (IMAGE, [finding("Effusion.")]), (name, found), (IMAGE, [finding("Again.")]))
    records, tally = convert("padchest_gr", root)
    assert len(records) == 1
    assert tally.dropped == {reason: 1, "the same film a second time": 1}


def test_sixteen_bit_film_is_decoded_on_request(convert: Run, tmp_path: Path) -> None:
    root = padchest(tmp_path / "gr", (IMAGE, [finding("Effusion.")]), (OTHER, [normal("Clear.")]))
    deep = np.random.default_rng(1).integers(0, 65_536, (300, 200), dtype=np.uint16)
    Image.fromarray(deep).save(root / "Padchest_GR_files" / IMAGE)
    cut = (root / "Padchest_GR_files" / OTHER).read_bytes()
    (root / "Padchest_GR_files" / OTHER).write_bytes(cut[: len(cut) // 2])
    assert len(convert("padchest_gr", root)[0]) == 2, "headers alone look sound"
    records, tally = convert("padchest_gr", root, verify=True)
    assert [(record["width"], record["height"]) for record in records] == [(200, 300)]
    assert tally.dropped == {"the film's file cannot be read": 1}


def test_object_in_place_of_the_list_is_refused(convert: Run, tmp_path: Path) -> None:
    root = padchest(tmp_path / "gr")
    write_json(root / "grounded_reports_20240819.json", {})
    with pytest.raises(BadQuery, match="no list"):
        convert("padchest_gr", root)
