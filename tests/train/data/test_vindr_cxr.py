import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from lofi.errors import BadQuery
from tests.train.data.sets import write_csv
from train.data.splits import carved

Run = Any
TRAIN, NORMAL, TEST = (
    "50a418190bc3fb1ef1633bf9678929b3",
    "000434271f63a053c4128a0ba6352c7f",
    "fff2025e3c1d6970a8a6ee0404ac6940",
)
CLASSES = ["Aortic enlargement", "Cardiomegaly", "ILD", "Nodule/Mass", "Other lesion", "Pleural effusion", "COPD"]
BOXES = ["image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max"]


def dicom(path: Path, width: int = 500, height: int = 400) -> None:
    """A DICOM file as VinDr's: size, age and sex, no name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns = height, width
    data.PatientAge, data.PatientSex = "058Y", "M"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelData = np.zeros((height, width), np.uint16).tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(path, enforce_file_format=True)


def vindr(root: Path, boxes: list[tuple[Any, ...]], folder: str = "annotations/") -> Path:
    """Three readers of two train films and a test film; ``boxes`` are rows of annotations_train.csv."""
    votes = {"Cardiomegaly": 2, "Pleural effusion": 1, "Nodule/Mass": 3}
    rows = [
        (TRAIN, f"R{reader}", *(int(reader < votes.get(name, 0)) for name in CLASSES), 0, 0) for reader in range(3)
    ] + [(NORMAL, f"R{reader}", *(0 for _ in CLASSES), 0, 1) for reader in range(3)]
    columns = [*CLASSES, "Other diseases", "No finding"]
    write_csv(root / f"{folder}image_labels_train.csv", ["image_id", "rad_id", *columns], rows)
    columns[-2] = "Other disease"
    test = (TEST, 0, 1, 1, 0, 1, 0, 0, 0, 0)
    write_csv(root / f"{folder}image_labels_test.csv", ["image_id", *columns], [test])
    write_csv(root / f"{folder}annotations_train.csv", BOXES, [*boxes, (NORMAL, "R0", "No finding", "", "", "", "")])
    consensus = [(TEST, "ILD", 50.0, 40.0, 150.0, 80.0), (TEST, "Other lesion", 1, 1, 90, 90)]
    write_csv(root / f"{folder}annotations_test.csv", [BOXES[0], *BOXES[2:]], consensus)
    for part, image in (("train", TRAIN), ("train", NORMAL), ("test", TEST)):
        dicom(root / part / f"{image}.dicom")
    return root


@pytest.mark.parametrize("folder", ["annotations/", ""], ids=["as published", "flat"])
def test_readers_are_averaged_and_votes_counted(convert: Run, tmp_path: Path, folder: str) -> None:
    drawn = [
        (TRAIN, "R0", "Cardiomegaly", 200, 200, 300, 300),
        (TRAIN, "R1", "Cardiomegaly", 210, 200, 310, 300),
        (TRAIN, "R2", "Pleural effusion", 400, 320, 500, 400),
    ]
    records, tally = convert("vindr_cxr", vindr(tmp_path / "v", drawn, folder), verify=False)
    by_image = {record["study"]: record for record in records}
    train = by_image[TRAIN]
    assert [(box["label"], box["quality"], box["side"], box["box"]) for box in train["boxes"]] == [
        ("Cardiomegaly", "exact", "", [0.41, 0.5, 0.61, 0.75]),
        ("Effusion", "weak", "left", [0.8, 0.8, 1.0, 1.0]),
    ]
    assert train["findings"] == ["Cardiomegaly", "Nodule/Mass"]
    assert "Effusion" not in train["findings"] + train["absent"], "one reader of three: neither there nor not"
    assert "ILD" in train["absent"]
    assert (train["sex"], train["age"], train["view"]) == ("M", "58", "PA")
    assert train["split"] == carved("train", f"vindr-{TRAIN}")
    assert (by_image[NORMAL]["findings"], by_image[NORMAL]["label_text"]) == (
        ["No Finding"],
        "PA chest radiograph. No acute finding.",
    )
    test = by_image[TEST]
    assert (test["split"], test["findings"]) == ("test", ["Cardiomegaly", "ILD"])
    assert [(box["phrase"], box["quality"], box["box"]) for box in test["boxes"]] == [
        ("interstitial lung disease", "exact", [0.1, 0.1, 0.3, 0.2])
    ]
    assert tally.dropped_boxes == {"of no named finding (Other lesion)": 1}


@pytest.mark.parametrize(("second", "count"), [((400, 0, 450, 40), 2), ((1, 0, 51, 40), 1)], ids=["apart", "overlap"])
def test_two_boxes_of_one_reader_are_not_two_readers(
    convert: Run, tmp_path: Path, second: tuple[int, ...], count: int
) -> None:
    drawn = [(TRAIN, "R0", "Nodule/Mass", 0, 0, 50, 40), (TRAIN, "R0", "Nodule/Mass", *second)]
    records, _ = convert("vindr_cxr", vindr(tmp_path / "v", drawn))
    boxes = next(record["boxes"] for record in records if record["study"] == TRAIN)
    assert [(box["phrase"], box["quality"]) for box in boxes] == [("nodule or mass", "weak")] * count


@pytest.mark.parametrize(
    "row",
    [("a", 0, 1, 1), (600, 0, 700, 50), (5, 5, 5, 9), (9, 9, 5, 5)],
    ids=["text", "off the film", "flat", "inverted"],
)
def test_hostile_boxes(convert: Run, tmp_path: Path, row: tuple[Any, ...]) -> None:
    _, tally = convert("vindr_cxr", vindr(tmp_path / "v", [(TRAIN, "R0", "Cardiomegaly", *row)]))
    assert tally.dropped_boxes.total() == 2


def test_film_that_is_no_dicom_is_dropped_with_its_boxes(convert: Run, tmp_path: Path) -> None:
    root = vindr(tmp_path / "v", [(TRAIN, "R0", "Cardiomegaly", 1, 1, 90, 90)])
    (root / "train" / f"{TRAIN}.dicom").write_bytes(b"not a film")
    (root / "train" / f"{NORMAL}.dicom").unlink()
    records, tally = convert("vindr_cxr", root)
    assert len(records) == 1
    assert tally.dropped == {"the film's file cannot be read": 1, "the film's file is missing": 1}


def test_missing_column_is_named(convert: Run, tmp_path: Path) -> None:
    root = vindr(tmp_path / "v", [])
    write_csv(root / "annotations/annotations_train.csv", ["image_id", "class_name"], [])
    with pytest.raises(BadQuery, match=r"annotations_train\.csv lacks the columns x_min, y_min"):
        convert("vindr_cxr", root)
