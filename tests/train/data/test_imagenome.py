import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.train.data.sets import (
    DICOM,
    LATERAL,
    OTHER_DICOM,
    STUDY,
    SUBJECT,
    attribute,
    mimic,
    thing,
    write_csv,
    write_json,
)

Run = Any
SPLIT_COLUMNS = ["", "subject_id", "study_id", "dicom_id", "path", "ViewPosition"]
RIGHT_LUNG, RIGHT_BASE, HEART = (50, 40, 200, 360), (50, 240, 200, 360), (200, 200, 350, 360)


def graph(dicom: str = DICOM, **changed: Any) -> dict[str, Any]:
    """A silver scene graph: an opacity in the right lung and its lower zone, a normal heart."""
    opacity = ("50414267|4", "Opacity at the right base.", ["anatomicalfinding|yes|lung opacity", "nlp|yes|abnormal"])
    return {
        "image_id": dicom,
        "viewpoint": "PA",
        "patient_id": int(SUBJECT),
        "study_id": int(STUDY),
        "gender": "F",
        "age_decile": "50-60",
        "reason_for_exam": "cough",
        "StudyOrder": 1,
        "StudyDateTime": "2180-08-06 21:30:14 UTC",
        "objects": [thing("right lung", RIGHT_LUNG), thing("right lower lung zone", RIGHT_BASE), thing("heart", HEART)],
        "attributes": [
            attribute("right lung", opacity),
            attribute("right lower lung zone", opacity),
            attribute("heart", ("50414267|2", "Normal heart.", ["anatomicalfinding|no|enlarged cardiac silhouette"])),
        ],
        "relationships": [],
    } | changed


def imagenome(root: Path, *graphs: dict[str, Any], avoid: tuple[str, ...] = ()) -> Path:
    for value in graphs:
        write_json(root / "silver_dataset" / "scene_graph" / f"{value['image_id']}_SceneGraph.json", value)
    splits = root / "silver_dataset" / "splits"
    for name in ("train", "valid", "test"):
        write_csv(splits / f"{name}.csv", SPLIT_COLUMNS, [(0, SUBJECT, STUDY, DICOM, "files/x.dcm", "PA")])
    write_csv(
        splits / "images_to_avoid.csv", SPLIT_COLUMNS[1:], [(1, 2, dicom, "files/x.dcm", "PA") for dicom in avoid]
    )
    return root


def test_findings_take_the_most_specific_region_in_original_pixels(convert: Run, tmp_path: Path) -> None:
    records, tally = convert("imagenome", imagenome(tmp_path / "cig", graph()), mimic=mimic(tmp_path / "mimic"))
    (record,) = records
    findings = [box for box in record["boxes"] if box["kind"] == "finding"]
    assert findings == [
        {
            "phrase": "Opacity at the right base.",
            "label": "Lung Opacity",
            "kind": "finding",
            "side": "right",
            "quality": "weak",
            "box": [0.1, 0.6, 0.4, 0.9],
        }
    ]
    anatomy = {box["phrase"]: box["box"] for box in record["boxes"] if box["kind"] == "anatomy"}
    assert anatomy == {
        "right lung": [0.1, 0.1, 0.4, 0.9],
        "right lower lung zone": [0.1, 0.6, 0.4, 0.9],
        "heart": [0.4, 0.5, 0.7, 0.9],
    }
    assert record["report"] == "Normal heart. Opacity at the right base."
    assert (record["findings"], record["absent"]) == (["Lung Opacity"], ["Cardiomegaly"])
    assert (record["sex"], record["patient_id"], record["split"]) == ("F", f"mimic-{SUBJECT}", "train")
    assert not tally.dropped_boxes


def test_split_is_that_of_mimic(convert: Run, tmp_path: Path) -> None:
    root = imagenome(tmp_path / "cig", graph(OTHER_DICOM))
    records, _ = convert("imagenome", root, mimic=mimic(tmp_path / "mimic"))
    assert [record["split"] for record in records] == ["val"]


def test_gold_patients_are_left_out(convert: Run, tmp_path: Path) -> None:
    root = imagenome(tmp_path / "cig", graph(), graph(OTHER_DICOM), avoid=(DICOM,))
    records, tally = convert("imagenome", root, mimic=mimic(tmp_path / "mimic"))
    assert len(records) == 1
    assert tally.dropped["a patient of the gold set (images_to_avoid.csv)"] == 1


def test_film_and_graph_that_do_not_meet_are_counted(convert: Run, tmp_path: Path) -> None:
    root = imagenome(tmp_path / "cig", graph(), graph(LATERAL), graph("nobody"))
    (root / "silver_dataset" / "scene_graph" / "x_SceneGraph.json").write_bytes(b"\xff\xfe[")
    place = mimic(tmp_path / "mimic")
    (root / "silver_dataset" / "scene_graph" / f"{OTHER_DICOM}_SceneGraph.json").write_text("nonsense")
    _, tally = convert("imagenome", root, mimic=place)
    assert dict(tally.dropped) == {
        "lateral view": 1,
        "a scene graph of a film that the metadata lack": 1,
        "a scene graph that cannot be read": 2,
    }


@pytest.mark.parametrize(
    ("changed", "dropped"),
    [
        (
            {"objects": [{"bbox_name": "right lung", "x1": 1, "y1": 1, "x2": 9, "y2": 9}]},
            "not a box: no number, or no extent",
        ),
        ({"objects": [thing("right lung", (900, 900, 950, 950))]}, "outside the film"),
        ({"objects": []}, "a finding in a region without a box"),
    ],
    ids=["no original corners", "outside the film", "no objects"],
)
def test_regions_without_a_box_on_the_film(convert: Run, tmp_path: Path, changed: dict[str, Any], dropped: str) -> None:
    root = imagenome(tmp_path / "cig", graph(**changed))
    records, tally = convert("imagenome", root, mimic=mimic(tmp_path / "mimic"))
    assert records[0]["boxes"] == []
    assert dropped in tally.dropped_boxes


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        "text",
        [None],
        [{"phrases": None}],
        [{"bbox_name": 3, "phrases": ["x"], "attributes": ["not a list"]}],
        [{"bbox_name": "heart", "phrases": 5, "attributes": {"a": 1}, "phrase_IDs": "x"}],
    ],
    ids=["null", "text", "list of null", "no phrases", "wrong types", "numbers for lists"],
)
def test_hostile_attributes_state_nothing(convert: Run, tmp_path: Path, attributes: object) -> None:
    root = imagenome(tmp_path / "cig", graph(attributes=attributes))
    records, _ = convert("imagenome", root, mimic=mimic(tmp_path / "mimic"))
    assert records[0]["findings"] == []
    assert {box["kind"] for box in records[0]["boxes"]} == {"anatomy"}


def test_zip_reads_like_the_folder(convert: Run, tmp_path: Path) -> None:
    folder, packed = imagenome(tmp_path / "cig", graph()), imagenome(tmp_path / "packed")
    with zipfile.ZipFile(packed / "silver_dataset" / "scene_graph.zip", "w") as archive:
        for path in (folder / "silver_dataset" / "scene_graph").iterdir():
            archive.write(path, f"scene_graph/{path.name}")
    place = mimic(tmp_path / "mimic")
    assert convert("imagenome", packed, mimic=place)[0] == convert("imagenome", folder, mimic=place)[0]
