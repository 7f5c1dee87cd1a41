from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture
from train.data.records import parse
from train.data.splits import carved

Run = Any
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
REVISED = HEADER.replace("Patient Gender", "Patient Sex")
ROWS = [
    "00000072_000.png,Atelectasis|Infiltration,0,72,067Y,F,PA,2992,2991,0.143,0.143,",
    "00000072_001.png,No Finding,1,72,68,F,AP,2992,2991,0.143,0.143,",
    "00001234_000.png,No Finding,0,1234,414,M,PA,2992,2991,0.143,0.143,",
]
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def nih(root: Path, boxes: list[str], header: str = HEADER, encoding: str = "utf-8", folder: str = "images") -> Path:
    root.mkdir()
    name = "Data_Entry_2017.csv" if header == HEADER else "Data_Entry_2017_v2020.csv"
    (root / name).write_bytes("\r\n".join([header, *ROWS]).encode(encoding))
    (root / "BBox_List_2017.csv").write_text("\n".join([BOX_HEADER, *boxes]) + "\n")
    (root / "train_val_list.txt").write_text("00001234_000.png\n")
    (root / "test_list.txt").write_text("00000072_000.png\n00000072_001.png\n")
    for number, row in enumerate(ROWS):
        picture(root / folder / row.split(",")[0], (256, 256), seed=number)
    return root


@pytest.mark.parametrize("header", [HEADER, REVISED], ids=["2017", "2020"])
@pytest.mark.parametrize("folder", ["images", "images_001/images"], ids=["one folder", "archives"])
def test_labels_boxes_and_lists(convert: Run, tmp_path: Path, header: str, folder: str) -> None:
    boxes = ["00000072_000.png,Infiltrate,256,512,128,64,,,", "00000072_000.png,Atelectasis,640.5,512,102.4,51.2,,,"]
    records, tally = convert("nih14", nih(tmp_path / "nih", boxes, header, folder=folder))
    first, second, third = records
    assert [(box["label"], box["phrase"], box["side"], box["box"]) for box in first["boxes"]] == [
        ("Infiltration", "infiltrate", "right", [0.25, 0.5, 0.375, 0.5625]),
        ("Atelectasis", "atelectasis", "left", [0.625488, 0.5, 0.725488, 0.55]),
    ]
    assert (first["patient_id"], first["source"], first["split"]) == ("nih-00072", "nih_bbox", "test")
    assert (first["age"], first["sex"], first["view"]) == ("67", "F", "PA")
    assert first["label_text"] == "PA chest radiograph. Findings: atelectasis, infiltrate."
    assert (second["source"], second["findings"], second["age"]) == ("nih_labelled", ["No Finding"], "68")
    assert (third["split"], third["age"]) == (carved("train", "nih-01234"), "")
    assert len(tally.patients) == 2


def test_negatives_are_known_to_the_trainer(convert: Run, tmp_path: Path) -> None:
    records, _ = convert("nih14", nih(tmp_path / "nih", []))
    known = parse(records[0], tmp_path).known()
    assert (known["Atelectasis"], known["Effusion"]) == (1, -1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets(convert: Run, tmp_path: Path, encoding: str) -> None:
    assert len(convert("nih14", nih(tmp_path / "nih", [], encoding=encoding))[0]) == 3


@pytest.mark.parametrize("box", ["1100,1100,50,50", "0,0,0,50", "0,0,-5,50", "x,0,5,50", ",,,", "nan,0,5,5"], ids=str)
def test_hostile_boxes(convert: Run, tmp_path: Path, box: str) -> None:
    records, tally = convert("nih14", nih(tmp_path / "nih", [f"00000072_000.png,Mass,{box},,,"]))
    assert records[0]["boxes"] == []
    assert tally.dropped_boxes.total() == 1


def test_hashed_split_needs_no_lists_and_missing_boxes_are_noted(convert: Run, tmp_path: Path) -> None:
    root = nih(tmp_path / "nih", [])
    for name in ("train_val_list.txt", "test_list.txt", "BBox_List_2017.csv"):
        (root / name).unlink()
    records, tally = convert("nih14", root, hashed=True)
    assert records[0]["split"] == records[1]["split"]
    assert "BBox_List_2017.csv is missing: no boxes" in tally.notes
    with pytest.raises(BadQuery, match=r"train_val_list\.txt"):
        convert("nih14", root)


def test_picture_on_no_list_and_row_twice(convert: Run, tmp_path: Path) -> None:
    root = nih(tmp_path / "nih", [])
    (root / "test_list.txt").write_text("00000072_000.png\n")
    with (root / "Data_Entry_2017.csv").open("a") as table:
        table.write("\r\n" + ROWS[0] + "\r\n,,,,,\r\nx.png,Mass,0,,5,F,PA")
    _, tally = convert("nih14", root)
    assert tally.dropped == {"in no split": 1, "the same film a second time": 1, "a row without a patient": 1}
