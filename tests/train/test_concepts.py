"""What a checkpoint was taught is counted from records, written into its manifest and checked when it is read."""

import json
from pathlib import Path

import pytest

from lofi.errors import CheckpointError
from lofi.files import plain
from lofi.network.checkpoint import load, note_concepts, read_manifest
from lofi.network.concepts import Concept, read_concepts
from lofi.settings import BUNDLED_MODEL
from train.concepts import counted, with_figures
from train.data.records import parse


def film(source: str, findings: list[str], *boxes: tuple[str, str, str]):
    rows = [
        {"phrase": label.lower(), "label": label, "kind": kind, "side": "", "quality": quality, "box": [0, 0, 0.5, 0.5]}
        for label, kind, quality in boxes
    ]
    values = {
        "image": "a.png",
        "patient_id": "p",
        "source": source,
        "split": "train",
        "findings": findings,
        "boxes": rows,
    }
    return parse(values, Path())


def test_films_boxes_and_presence_by_hand() -> None:
    """Two films of effusion, one with a reader's box; a machine's box of a mass; edema only ever asked to be absent."""
    records = [
        film("nih_bbox", ["Effusion"], ("Effusion", "finding", "exact")),
        film("nih_labelled", ["Effusion", "Pleural_Thickening"]),
        film("nih_labelled", ["Mass"], ("Mass", "finding", "pseudo")),
        film(
            "kermany_pneumonia",
            ["No Finding"],
            ("Left Lung", "anatomy", "inferred"),
            ("Endotracheal Tube", "device", ""),
        ),
    ]
    found = counted(records)
    assert found["effusion"] == Concept("pleural effusion", 2, 1, "boxes")
    assert found["mass"] == Concept("mass", 1, 1, "machine")
    assert found["pleural thickening"] == Concept("pleural thickening", 1, 0, "absence")
    assert found["edema"] == Concept("pulmonary edema", 0, 0, "absence")
    assert found["lung"].presence == found["lung zone"].presence == "machine"
    assert "endotracheal tube" not in found
    assert counted(records, labels_teach=True)["pleural thickening"].presence == "labels"


def test_figures_are_taken_from_an_evaluation() -> None:
    overlap, half = ({"value": value, "low": 0.1, "high": 0.4, "n": 12} for value in (0.25, 0.2))
    metrics = {"by label": {"side": {"Mass": {"model: mean IoU": overlap, "model: IoU≥0.5": half}}}}
    (found,) = with_figures({"mass": Concept("mass", 3, 2, "boxes")}, metrics).values()
    assert found.figures == {"mean IoU": (0.25, 0.1, 0.4, 12.0), "IoU≥0.5": (0.2, 0.1, 0.4, 12.0)}
    assert read_concepts({"concepts": {"mass": found.to_json()}}) == {"mass": found}


@pytest.mark.parametrize(
    "table",
    [
        [],
        {"mass": 1},
        {"mass": {"name": "mass", "films": -1, "boxes": 0, "presence": "boxes"}},
        {"mass": {"name": "mass", "films": 1, "boxes": 0, "presence": "guessed"}},
        {"mass": {"name": "mass", "films": 1, "boxes": 0.5, "presence": "boxes"}},
        {"mass": {"name": "m" * 200, "films": 1, "boxes": 0, "presence": "boxes"}},
        {"mass": {"name": "mass", "films": 1, "boxes": 0, "presence": "boxes", "figures": {"IoU": [1, 2]}}},
    ],
)
def test_a_damaged_table_is_refused(table: object) -> None:
    with pytest.raises(plain.Unfit, match=r"concept|figure"):
        read_concepts({"concepts": table})


def test_the_table_of_a_checkpoint(tmp_path: Path) -> None:
    for file in Path(BUNDLED_MODEL).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = read_manifest(tmp_path)
    assert read_concepts(before)["effusion"].learnt
    assert not read_concepts(before)["hernia"].learnt
    note_concepts(tmp_path, {"mass": Concept("mass", 1, 1, "boxes")})
    assert load(tmp_path).concepts == {"mass": Concept("mass", 1, 1, "boxes")}
    assert read_manifest(tmp_path)["sha256"] == before["sha256"]
    manifest = {**before, "concepts": {"mass": {}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="cannot be used"):
        load(tmp_path)
    del manifest["concepts"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert load(tmp_path).concepts is None
