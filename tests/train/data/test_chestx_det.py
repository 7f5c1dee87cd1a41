from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_json
from train.data.splits import carved

Run = Any


def entry(name: object, syms: object, boxes: object) -> dict[str, Any]:
    return {"file_name": name, "syms": syms, "boxes": boxes, "polygons": [[[1, 1], [2, 2], [3, 1]]]}


def chestx_det(root: Path, train: list[Any], test: list[Any], folders: tuple[str, str] = ("train", "test")) -> Path:
    write_json(root / "ChestX_Det_train.json", train)
    write_json(root / "ChestX_Det_test.json", test)
    for folder, entries in zip(folders, (train, test), strict=True):
        for value in entries:
            if isinstance(value, dict) and isinstance(value["file_name"], str) and "/" not in value["file_name"]:
                picture(root / folder / value["file_name"], (512, 256))
    return root


@pytest.mark.parametrize(
    "folders", [("train", "test"), ("train_data", "test_data"), ("train_data/train", "test_data/test")], ids=str
)
def test_findings_and_boxes(convert: Run, tmp_path: Path, folders: tuple[str, str]) -> None:
    drawn = [[0, 128, 128, 256], [256, 64, 512, 128]]
    train = [entry("36346.png", ["Effusion", "Diffuse Nodule"], drawn), entry("36347.png", [], [])]
    root = chestx_det(tmp_path / "det", train, [entry("9.png", ["Pleural Thickening"], [[1, 1, 20, 20]])], folders)
    records, _ = convert("chestx_det", root)
    boxed, normal, test = records
    assert [(box["label"], box["phrase"], box["side"], box["box"]) for box in boxed["boxes"]] == [
        ("Effusion", "pleural effusion", "right", [0.0, 0.5, 0.25, 1.0]),
        ("Diffuse Nodule", "diffuse nodule", "left", [0.5, 0.25, 1.0, 0.5]),
    ]
    assert normal["findings"] == ["No Finding"]
    assert (test["split"], test["findings"]) == ("test", ["Pleural_Thickening"])
    assert boxed["split"] == carved("train", "chestxdet-36346")
    assert len({record["patient_id"] for record in records}) == 3


@pytest.mark.parametrize(
    "boxes",
    [[[600, 0, 700, 50]], [[5, 5, 5, 5]], [None], [[1, 2]], ["abcd"]],
    ids=["off", "flat", "null", "two", "text"],
)
def test_hostile_boxes(convert: Run, tmp_path: Path, boxes: list[Any]) -> None:
    records, tally = convert("chestx_det", chestx_det(tmp_path / "det", [entry("1.png", ["Mass"], boxes)], []))
    assert records[0]["boxes"] == []
    assert tally.dropped_boxes.total() == 1


def test_findings_and_boxes_that_do_not_pair_are_noted(convert: Run, tmp_path: Path) -> None:
    root = chestx_det(tmp_path / "det", [entry("1.png", ["Mass", "Nodule"], [[1, 1, 9, 9]])], [])
    records, tally = convert("chestx_det", root)
    assert (records[0]["boxes"], records[0]["findings"]) == ([], ["Mass", "Nodule"])
    assert tally.notes.total() == 1


@pytest.mark.parametrize("value", [None, 4, entry(None, [], []), entry("../1.png", [], []), entry("", [], [])], ids=str)
def test_hostile_entries(convert: Run, tmp_path: Path, value: object) -> None:
    root = chestx_det(
        tmp_path / "det",
        [entry("1.png", [], []), value] if value != entry("", [], []) else [entry("1.png", [], [])],
        [],
    )
    if value == entry("", [], []):
        write_json(root / "ChestX_Det_train.json", [entry("1.png", [], []), value])
    records, tally = convert("chestx_det", root)
    assert len(records) == 1
    assert tally.dropped == {"an entry without a file name": 1}


def test_one_film_in_both_parts_is_taken_once(convert: Run, tmp_path: Path) -> None:
    both = [entry("1.png", ["Mass"], [[1, 1, 90, 90]])]
    root = chestx_det(tmp_path / "det", both, both)
    (root / "test" / "1.png").unlink()
    _, tally = convert("chestx_det", root)
    assert tally.dropped == {"the film's file is missing": 1}


def test_empty_folder_is_refused(convert: Run, tmp_path: Path) -> None:
    with pytest.raises(BadQuery, match=r"ChestX_Det_train\.json"):
        convert("chestx_det", tmp_path)
