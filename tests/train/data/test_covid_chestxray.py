from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_csv, write_json
from train.data.records import read
from train.data.splits import hashed

Run = Any
COLUMNS = [
    *("patientid", "offset", "sex", "age", "finding", "survival", "view", "modality", "date", "location", "folder"),
    *("filename", "doi", "url", "license", "clinical_notes", "other_notes"),
]
OPACITY, SHARED = "Chest radiograph shows opacities in the left lower zone.", "There is consolidation in both lungs."
BOXES = "annotations/imageannotation_ai_lung_bounding_boxes.json"


def row(patient: str, name: str, finding: str = "COVID-19", notes: str = "", **other: str) -> dict[str, str]:
    cells = {"patientid": patient, "filename": name, "finding": finding, "clinical_notes": notes, "view": "PA"}
    return dict.fromkeys(COLUMNS, "") | {"modality": "X-ray", "folder": "images"} | cells | other


def collection(root: Path, *rows: dict[str, str], bbox: object = (25, 80, 100, 100)) -> Path:
    write_csv(root / "metadata.csv", COLUMNS, [list(one.values()) for one in rows])
    for number, one in enumerate(rows):
        if one["filename"].endswith(".png") and "/" not in one["filename"]:
            picture(root / "images" / one["filename"], seed=number)
    box = {"image_id": 7, "category_id": 1, "bbox": list(bbox) if isinstance(bbox, tuple) else bbox}
    entry = {"id": 7, "file_name": rows[0]["filename"], "width": 500, "height": 400}
    sides = [{"id": 1, "name": "Right Lung"}, {"id": 2, "name": "Left Lung"}]
    write_json(root / BOXES, {"images": [entry], "categories": sides, "annotations": [box]})
    return root


def test_findings_lungs_and_patients(convert: Run, tmp_path: Path) -> None:
    root = collection(
        tmp_path / "set",
        row("2", "a.png", "COVID-19, ARDS", sex="M", age="65", view="AP Supine"),
        row("2", "b.png", "Pneumonia/Fungal/Pneumocystis"),
        row("2b", "c.png", "Pneumonia/Viral/COVID-19"),
        row("3", "d.png", "No Finding"),
    )
    records, _ = convert("covid_chestxray", root)
    assert [record["findings"] for record in records] == [
        ["COVID-19", "ARDS"],
        ["Pneumonia", "Pneumocystis"],
        ["COVID-19"],
        ["No Finding"],
    ]
    lung = records[0]["boxes"][0]
    assert (lung["phrase"], lung["label"], lung["kind"]) == ("right lung", "Right Lung", "anatomy")
    assert lung["box"] == [0.05, 0.2, 0.25, 0.45]
    assert (records[0]["view"], records[0]["age"], records[0]["sex"]) == ("AP", "65", "M")
    assert [record["patient_id"] for record in records] == ["cov-2", "cov-2", "cov-2b", "cov-3"]
    assert {record["split"] for record in records[:3]} == {hashed("cov-2")}
    known = next(read(tmp_path / "records of it" / "records.jsonl")).known()
    assert known == {"COVID-19": 1, "Pneumonia": 1, "Lung Opacity": 1}


def test_notes_of_one_film_only(convert: Run, tmp_path: Path) -> None:
    other = "Fever, rales over both lungs. CT showed consolidation in both lungs."
    root = collection(
        tmp_path / "set",
        row("2", "a.png", notes=f"{other} {SHARED} {OPACITY}", offset="0"),
        row("2", "b.png", notes=SHARED, offset="3"),
        row("4", "c.png", "todo", notes=SHARED),
        row("5", "d.png", "todo", notes="Sent home."),
    )
    records, tally = convert("covid_chestxray", root)
    assert [record["sentences"] for record in records] == [[OPACITY], [], [SHARED]]
    assert [record["report"] for record in records] == [OPACITY, "", SHARED]
    assert tally.dropped == {"nothing is said of the film": 1}


def test_what_is_left_out(convert: Run, tmp_path: Path) -> None:
    root = collection(
        tmp_path / "set",
        row("2", "a.png"),
        row("2", "l.png", view="L"),
        row("3", "b.nii.gz", modality="CT", view="Axial"),
        row("4", "0a7faa2a.png", url="https://github.com/ml-workgroup/covid-19-image-repository"),
        row("", "e.png"),
        row("6", "../a.png"),
        row("7", "gone.png"),
        row("8", "odd.png"),
    )
    (root / "images" / "gone.png").unlink()
    (root / "images" / "odd.png").write_bytes(b"no film")
    _, tally = convert("covid_chestxray", root)
    assert tally.dropped == {
        "lateral view": 1,
        "no radiograph": 1,
        "a film of Hannover's repository, which the set hannover reads": 1,
        "a row without a patient or a file name": 2,
        "the film's file is missing": 1,
        "the film's file cannot be read": 1,
    }


@pytest.mark.parametrize("bbox", [(None,) * 4, (900, 0, 50, 50), (5, 5, 0, 5), "abcd", None], ids=str)
def test_hostile_boxes(convert: Run, tmp_path: Path, bbox: object) -> None:
    records, tally = convert("covid_chestxray", collection(tmp_path / "set", row("2", "a.png"), bbox=bbox))
    assert records[0]["boxes"] == []
    assert tally.dropped_boxes.total() == 1


def test_missing_parts(convert: Run, tmp_path: Path) -> None:
    root = collection(tmp_path / "set", row("2", "a.png"))
    (root / BOXES).unlink()
    _, tally = convert("covid_chestxray", root)
    assert tally.notes == {"the file of lung boxes is missing: no boxes": 1}
    (root / "metadata.csv").unlink()
    with pytest.raises(BadQuery, match=r"metadata\.csv"):
        convert("covid_chestxray", root)
