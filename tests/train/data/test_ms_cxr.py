from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import (
    DICOM,
    OTHER,
    OTHER_DICOM,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    mimic,
    mimic_path,
    write_csv,
    write_json,
)

Run = Any
COLUMNS = ["dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width", "image_height"]
PATH, OTHER_PATH = mimic_path(SUBJECT, STUDY, DICOM), mimic_path(OTHER, OTHER_STUDY, OTHER_DICOM)


def coco(root: Path, annotations: list[dict[str, Any]], version: str = "1.1.0") -> Path:
    sizes = {"width": 500, "height": 400}
    images = [
        {"id": number, "file_name": f"{dicom}.jpg", "path": path, "num_annotations": 1, **sizes}
        for number, (dicom, path) in enumerate([(DICOM, PATH), (OTHER_DICOM, OTHER_PATH)], start=1)
    ]
    names = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Lung Opacity", "Pleural Effusion", "Pneumonia"]
    value = {
        "info": {"version": version},
        "licenses": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
        "images": images,
        "annotations": annotations,
    }
    write_json(root / f"MS_CXR_Local_Alignment_v{version}.json", value)
    return root


def note(box: object, image: int = 1, category: int = 6, text: str = "small left pleural effusion") -> dict[str, Any]:
    return {
        "id": 7,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "label_text": text,
        "area": 1,
        "iscrowd": 0,
    }


def test_xywh_pixels_become_corners(convert: Run, tmp_path: Path) -> None:
    notes = [note([300, 200, 100, 80]), note([0, 0, 50, 40], text="right apical opacity", category=5)]
    records, _ = convert("ms_cxr", coco(tmp_path / "ms", notes), mimic=mimic(tmp_path / "mimic"))
    (record,) = records
    assert [(box["phrase"], box["label"], box["side"], box["box"]) for box in record["boxes"]] == [
        ("small left pleural effusion", "Effusion", "left", [0.6, 0.5, 0.8, 0.7]),
        ("right apical opacity", "Lung Opacity", "right", [0.0, 0.0, 0.1, 0.1]),
    ]
    assert {box["quality"] for box in record["boxes"]} == {"exact"}
    assert (record["split"], record["patient_id"]) == ("test", f"mimic-{SUBJECT}")
    assert record["findings"] == ["Effusion", "Lung Opacity"]


def test_a_phrase_keeps_its_several_boxes(convert: Run, tmp_path: Path) -> None:
    notes = [note([0, 0, 50, 40], text="bibasilar opacities"), note([400, 0, 50, 40], text="bibasilar opacities")]
    records, _ = convert("ms_cxr", coco(tmp_path / "ms", notes), mimic=mimic(tmp_path / "mimic"))
    assert len(records[0]["boxes"]) == 2
    assert records[0]["sentences"] == ["bibasilar opacities"]


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("val", "val"), ("validation", "val"), ("test", "test"), ("", "test")],
    ids=["train", "val", "validation", "test", "none given"],
)
def test_csv_with_its_split_goes_first(convert: Run, tmp_path: Path, name: str, split: str) -> None:
    root = coco(tmp_path / "ms", [note([0, 0, 1, 1])])
    row = (DICOM, "Pneumonia", "left base pneumonia", PATH, 300, 200, 100, 80, 500, 400, name)
    write_csv(root / "MS_CXR_Local_Alignment_v1.1.0.csv", [*COLUMNS, "split"], [row])
    records, _ = convert("ms_cxr", root, mimic=mimic(tmp_path / "mimic"))
    assert [(r["split"], r["boxes"][0]["label"], r["boxes"][0]["box"]) for r in records] == [
        (split, "Pneumonia", [0.6, 0.5, 0.8, 0.7])
    ]


def test_unknown_split_is_no_split(convert: Run, tmp_path: Path) -> None:
    rows = [
        (dicom, "Pneumonia", "pneumonia", path, 3, 2, 100, 80, 500, 400, name)
        for dicom, path, name in [(DICOM, PATH, "fold 3"), (OTHER_DICOM, OTHER_PATH, "test")]
    ]
    write_csv(tmp_path / "ms" / "MS_CXR_Local_Alignment_v1.1.0.csv", [*COLUMNS, "split"], rows)
    _, tally = convert("ms_cxr", tmp_path / "ms", mimic=mimic(tmp_path / "mimic"))
    assert tally.dropped == {"in no split": 1}


@pytest.mark.parametrize(
    "box",
    [None, [1, 2, 3], ["a", 0, 1, 1], [0, 0, 0, 10], [600, 0, 50, 50]],
    ids=["none", "three", "text", "flat", "off"],
)
def test_hostile_boxes(convert: Run, tmp_path: Path, box: object) -> None:
    root = coco(tmp_path / "ms", [note(box), note([0, 0, 50, 40])])
    records, tally = convert("ms_cxr", root, mimic=mimic(tmp_path / "mimic"))
    assert len(records[0]["boxes"]) == tally.dropped_boxes.total() == 1


def test_annotation_without_its_image_and_path_that_climbs(convert: Run, tmp_path: Path) -> None:
    root = coco(tmp_path / "ms", [note([0, 0, 50, 40], image=9), note([0, 0, 50, 40])])
    _, tally = convert("ms_cxr", root, mimic=mimic(tmp_path / "mimic"))
    assert tally.dropped == {"a path without patient and study": 1}


def test_other_json_is_refused(convert: Run, tmp_path: Path) -> None:
    write_json(tmp_path / "ms" / "MS_CXR_Local_Alignment_v1.0.0.json", [])
    with pytest.raises(BadQuery, match="COCO"):
        convert("ms_cxr", tmp_path / "ms", mimic=mimic(tmp_path / "mimic"))
