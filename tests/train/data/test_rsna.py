from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_csv, write_json
from tests.train.data.test_nih14 import nih
from tests.train.data.test_vindr_cxr import dicom
from train.data.joining import joined
from train.data.records import read
from train.data.splits import hashed

Run = Any
OPAQUE, NORMAL, OTHER = (
    "0004cfab-14fd-4e49-80ba-63a80b6bddd6",
    "003d8fa0-6bf1-40ed-b54c-ac657f8495c5",
    "00313ee0-9eaa-42f4-b0ab-c148ed3241cd",
)
BOXES = [(OPAQUE, 0.0, 100.0, 125.0, 200.0, 1), (OPAQUE, 300.0, 40.0, 100.0, 80.0, 1)]
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


def rsna(root: Path, boxes: list[tuple[Any, ...]] = BOXES, origins: tuple[str, ...] = ("72_000", "72_001")) -> Path:
    """An opaque and a normal film of one patient, and one that is neither; 500 × 400, as no real one is."""
    classes = [(OPAQUE, "Lung Opacity")] * 2 + [(NORMAL, "Normal"), (OTHER, "No Lung Opacity / Not Normal")]
    write_csv(root / "stage_2_detailed_class_info.csv", ["patientId", "class"], classes)
    empty = [(name, "", "", "", "", 0) for name in (NORMAL, OTHER)]
    write_csv(root / "stage_2_train_labels.csv", ["patientId", "x", "y", "width", "height", "Target"], [*boxes, *empty])
    pairs = zip((OPAQUE, NORMAL), origins, strict=False)
    entries = [{"subset_img_id": name, "img_id": f"000000{origin}.png", "orig_labels": []} for name, origin in pairs]
    write_json(root / MAPPING, entries)
    for name in (OPAQUE, NORMAL, OTHER):
        dicom(root / "stage_2_train_images" / f"{name}.dcm")
    return root


def test_boxes_classes_and_patients(convert: Run, tmp_path: Path) -> None:
    records, tally = convert("rsna", rsna(tmp_path / "rsna"))
    opaque, normal = records
    assert [(box["label"], box["phrase"], box["side"], box["box"]) for box in opaque["boxes"]] == [
        ("Lung Opacity", "lung opacity", "right", [0.0, 0.25, 0.25, 0.75]),
        ("Lung Opacity", "lung opacity", "left", [0.6, 0.1, 0.8, 0.3]),
    ]
    assert (opaque["source"], opaque["findings"], opaque["age"], opaque["sex"]) == (
        *("rsna_opacity", ["Lung Opacity"]),
        *("58", "M"),
    )
    assert (normal["source"], normal["findings"], normal["boxes"]) == ("rsna_normal", ["No Finding"], [])
    assert {record["patient_id"] for record in records} == {"nih-00072"}
    assert {record["split"] for record in records} == {hashed("nih-00072")}
    assert tally.dropped == {"neither normal nor an opacity: what it shows is not named": 1}


def test_films_of_chestxray14_are_joined_with_it(convert: Run, tmp_path: Path) -> None:
    root, other = rsna(tmp_path / "rsna"), nih(tmp_path / "nih", ["00000072_000.png,Mass,256,512,128,64,,,"])
    for name in (OPAQUE, NORMAL):
        (root / "stage_2_train_images" / f"{name}.dcm").unlink()
    place = tmp_path / "records of it" / "records.jsonl"
    convert("rsna", root, nih=other)
    of_rsna = list(read(place))
    assert of_rsna[0].boxes[0].box == pytest.approx((0.0, 100 / 1024, 125 / 1024, 300 / 1024), abs=1e-6)
    convert("nih14", other, hashed=True)
    both = joined([*read(place), *of_rsna])
    assert len(both) == 3
    assert both[0].path == other / "images" / "00000072_000.png"
    assert {box.label for box in both[0].boxes} == {"Mass", "Lung Opacity"}


def test_a_film_missing_in_chestxray14_is_rsnas_copy(convert: Run, tmp_path: Path) -> None:
    picture(tmp_path / "nih" / "images" / "00000072_001.png", (256, 256))
    records, tally = convert("rsna", rsna(tmp_path / "rsna"), nih=tmp_path / "nih")
    assert [Path(record["image"]).suffix for record in records] == [".dcm", ".png"]
    assert tally.notes == {"film that ChestX-ray14's folder lacks: RSNA's copy is taken": 1}


@pytest.mark.parametrize("box", [(600, 0, 50, 50), (0, 0, 0, 5), ("x", 0, 5, 5), ("", "", "", "")], ids=str)
def test_hostile_boxes(convert: Run, tmp_path: Path, box: tuple[Any, ...]) -> None:
    records, tally = convert("rsna", rsna(tmp_path / "rsna", [(OPAQUE, *box, 1)]))
    assert records[0]["boxes"] == []
    assert tally.dropped_boxes.total() == 1


def test_missing_and_unreadable_parts(convert: Run, tmp_path: Path) -> None:
    root = rsna(tmp_path / "rsna", origins=("72_000",))
    _, tally = convert("rsna", root)
    assert tally.dropped["a film that the mapping does not name: its patient is not known"] == 1
    (root / "stage_2_train_images" / f"{OPAQUE}.dcm").write_bytes(b"no film")
    with pytest.raises(BadQuery, match="1 × the film's file cannot be read"):
        convert("rsna", root)
    (root / MAPPING).unlink()
    with pytest.raises(BadQuery, match="mappings_2018"):
        convert("rsna", root)
