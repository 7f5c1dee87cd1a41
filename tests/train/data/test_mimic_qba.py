import zipfile
from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import (
    DICOM,
    LATERAL,
    OTHER_STUDY,
    STUDY,
    SUBJECT,
    mimic,
    observation,
    scene_graph,
    write_json,
)

Run = Any
SENTENCE = "There is a left pleural effusion."
BOX = [300.0, 200.0, 500.0, 400.0]
"""Pixels of the 500 × 400 film that the metadata state; the file on disk is half that size."""


def qba(root: Path, *observations: dict[str, Any]) -> Path:
    place = root / "scene_data" / f"p{SUBJECT[:2]}" / f"p{SUBJECT}"
    write_json(place / f"s{STUDY}.scene_graph.json", scene_graph(*observations))
    write_json(place / f"s{STUDY}.metadata.json", {"study_id": f"s{STUDY}"})
    return root


def test_positive_observation_gives_sentence_and_box(convert: Run, tmp_path: Path) -> None:
    records, tally = convert(
        "mimic_qba", qba(tmp_path / "qba", observation(SENTENCE, [BOX])), mimic=mimic(tmp_path / "mimic")
    )
    assert len(records) == 1
    assert records[0]["boxes"] == [
        {
            "phrase": SENTENCE,
            "label": "Effusion",
            "kind": "finding",
            "side": "left",
            "quality": "inferred",
            "box": [0.6, 0.5, 1.0, 1.0],
        }
    ]
    assert (records[0]["sentences"], records[0]["report"]) == ([SENTENCE], "Left effusion.")
    assert (records[0]["findings"], records[0]["absent"]) == (["Effusion"], ["Pneumothorax"])
    assert (records[0]["split"], records[0]["patient_id"]) == ("train", f"mimic-{SUBJECT}")
    assert tally.dropped["lateral view"] == 1
    assert (tally.done, tally.expected) == (1, 1), "one graph, though two films"


@pytest.mark.parametrize(
    "changed",
    [{"positiveness": "neg"}, {"from_report": False}, {"from_report": None}, {"positiveness": None}],
    ids=["negative", "from a template", "of unknown origin", "neither"],
)
def test_only_positive_observations_of_the_report_count(convert: Run, tmp_path: Path, changed: dict[str, Any]) -> None:
    root = qba(tmp_path / "qba", observation("Not this.", [BOX], **changed), observation(SENTENCE, [BOX]))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert records[0]["sentences"] == [SENTENCE]
    assert [box["phrase"] for box in records[0]["boxes"]] == [SENTENCE]


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            [[0, 0, 250, 200], [125, 0, 375, 200]], [[0, 0, 0.75, 0.5]], id="IoU a third: one box around both"
        ),
        pytest.param(
            [[0, 0, 250, 200], [240, 0, 490, 200]], [[0, 0, 0.5, 0.5], [0.48, 0, 0.98, 0.5]], id="IoU 0.02: two boxes"
        ),
        pytest.param([[0, 0, 250, 200]] * 2, [[0, 0, 0.5, 0.5]], id="the same box twice"),
    ],
)
def test_boxes_of_an_observation_are_fused_at_a_tenth(
    convert: Run, tmp_path: Path, boxes: list[list[Any]], expected: list[list[float]]
) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, boxes))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert [box["box"] for box in records[0]["boxes"]] == expected


def test_fallback_boxes_are_weak(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [BOX], is_fallback=True))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert records[0]["boxes"][0]["quality"] == "weak"


def test_boxes_of_another_picture_stay_with_it(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [BOX], LATERAL))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"), laterals=True)
    boxes = {record["view"]: len(record["boxes"]) for record in records}
    assert boxes == {"PA": 0, "LATERAL": 1}


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([600, 500, 700, 600], "outside the film"),
        ([450, 100, 700, 200], "outside the film"),
        ([10, 10, 10, 20], "not a box: no number, or no extent"),
        ([20, 10, 10, 20], "not a box: no number, or no extent"),
        ([float("nan"), 1, 2, 3], "not a box: no number, or no extent"),
        ([1, 2, 3], "not four numbers"),
        (None, "not four numbers"),
        ("1234", "not four numbers"),
    ],
    ids=["outside", "mostly outside", "no width", "upside down", "nan", "three numbers", "null", "text"],
)
def test_hostile_boxes_are_counted(convert: Run, tmp_path: Path, box: Any, reason: str) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [box, BOX]))
    records, tally = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert len(records[0]["boxes"]) == 1
    assert dict(tally.dropped_boxes) == {reason: 1}


def test_box_over_the_edge_is_cut(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [[400, 300, 510, 420]]))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert records[0]["boxes"][0]["box"] == [0.8, 0.75, 1.0, 1.0]


def test_zip_reads_like_the_folder(convert: Run, tmp_path: Path) -> None:
    folder, packed = qba(tmp_path / "qba", observation(SENTENCE, [BOX])), tmp_path / "packed"
    packed.mkdir()
    with zipfile.ZipFile(packed / "scene_data.zip", "w") as archive:
        for path in (folder / "scene_data").rglob("*.json"):
            archive.write(path, path.relative_to(folder / "scene_data"))
    place = mimic(tmp_path / "mimic")
    assert convert("mimic_qba", packed, mimic=place)[0] == convert("mimic_qba", folder, mimic=place)[0]


def test_unreadable_and_unknown_graphs_are_counted(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [BOX]))
    (root / "scene_data" / f"s{OTHER_STUDY}.scene_graph.json").write_text("{")
    write_json(root / "scene_data" / "s1.scene_graph.json", scene_graph())
    _, tally = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert tally.dropped["a scene graph that cannot be read"] == 1
    assert tally.dropped["a scene graph of a study that the metadata lack"] == 1


def test_phrase_that_names_the_other_side_is_noted(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation("Right pleural effusion.", [BOX]))
    _, tally = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert tally.notes["box on the other side than its phrase names"] == 1


def test_sentence_with_a_gap_gives_no_box(convert: Run, tmp_path: Path) -> None:
    root = qba(tmp_path / "qba", observation("Effusion as on ___.", [BOX]), observation(SENTENCE, [BOX], DICOM))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert [box["phrase"] for box in records[0]["boxes"]] == [SENTENCE]


@pytest.mark.parametrize("options", [{}, {"scene": True}], ids=["no --mimic", "no scene graphs"])
def test_what_is_missing_is_named(convert: Run, tmp_path: Path, options: dict[str, bool]) -> None:
    if options:
        (tmp_path / "empty").mkdir()
        with pytest.raises(BadQuery, match="scene_data"):
            convert("mimic_qba", tmp_path / "empty", mimic=mimic(tmp_path / "mimic"))
    else:
        with pytest.raises(BadQuery, match="--mimic"):
            convert("mimic_qba", qba(tmp_path / "qba"))


@pytest.mark.parametrize(
    "changed",
    [
        {"localization": [1]},
        {"localization": {DICOM: 4}},
        {"localization": {DICOM: {"bboxes": 7}}},
        {"localization": None},
    ],
    ids=["list", "number for a place", "number for boxes", "null"],
)
def test_hostile_localization_gives_no_box(convert: Run, tmp_path: Path, changed: dict[str, Any]) -> None:
    root = qba(tmp_path / "qba", observation(SENTENCE, [], obs_entities="effusion", **changed))
    records, _ = convert("mimic_qba", root, mimic=mimic(tmp_path / "mimic"))
    assert (records[0]["boxes"], records[0]["findings"], records[0]["sentences"]) == ([], [], [SENTENCE])
