"""Pseudo-labels: which films are asked, what is kept, what is left alone; on the tiny model and noise films."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lofi.network import checkpoint
from lofi.results import Grounding
from tests import tiny
from tests.doubles import noise_film
from train.data.records import PSEUDO, BoxRecord, FilmRecord, read
from train.feeding.sampling import stratum
from train.pseudo import box_rows, confidence_floors, main, unboxed

HAND = {"phrase": "mass", "label": "Mass", "kind": "finding", "side": "right", "box": [0.1, 0.1, 0.4, 0.4]}


def film(split: str = "train", source: str = "nih_labelled", boxes: tuple[BoxRecord, ...] = ()) -> FilmRecord:
    return FilmRecord(Path("a.png"), "p", source, split, findings=("Mass", "Effusion"), boxes=boxes)


def box(kind: str, quality: str = "exact") -> BoxRecord:
    return BoxRecord("mass", "Mass", kind, "right", (0.1, 0.1, 0.4, 0.4), quality)


@pytest.mark.parametrize(
    ("record", "labels", "lungs"),
    [
        (film(), ("Mass", "Effusion"), True),
        (film(boxes=(box("finding"),)), (), True),
        (film(boxes=(box("anatomy"),)), ("Mass", "Effusion"), False),
        (film(split="val"), (), False),
        (film(split="test"), (), False),
        (film(source="kermany_pneumonia"), (), False),
    ],
    ids=["labels only", "boxed by hand", "lungs boxed", "val", "test", "children"],
)
def test_what_is_asked_of_a_film(record: FilmRecord, labels: tuple[str, ...], lungs: bool) -> None:
    wanted = unboxed(record)
    assert (wanted.labels, wanted.lungs) == (labels, lungs)


def test_the_surest_answers_of_each_label_are_kept() -> None:
    pairs = [("Mass", Grounding("mass", found=True, confidence=c)) for c in (0.6, 0.7, 0.8, 0.9)]
    pairs += [("Edema", Grounding("edema", found=True, confidence=c)) for c in (0.0, 0.1)]
    floors = confidence_floors(pairs, keep=0.5, least=0.5)
    assert sum(answer.confidence >= floors["Mass"] for _, answer in pairs[:4]) == 2
    assert floors["Edema"] == 0.5, "a label that nobody boxed was never learnt"


def test_sides_are_those_of_the_patient_and_only_where_they_mean_something() -> None:
    answer = Grounding("mass", True, 0.9, boxes=((0.1, 0.1, 0.3, 0.3), (0.7, 0.1, 0.9, 0.3)), scores=(1.0, 1.0))
    assert [row["side"] for row in box_rows(answer, "Mass", "finding")] == ["right", "left"]
    assert [row["side"] for row in box_rows(answer, "Cardiomegaly", "finding")] == ["", ""]
    assert {row["quality"] for row in box_rows(answer, "Mass", "finding")} == {PSEUDO}


@pytest.mark.parametrize(
    ("boxes", "name"),
    [
        ((box("finding", PSEUDO),), "pseudo_boxes"),
        ((box("finding"), box("finding", PSEUDO)), "finding_boxes"),
        ((box("anatomy", PSEUDO),), "nih"),
    ],
    ids=["only by machine", "one by hand", "lungs by machine"],
)
def test_stratum_of_a_pseudo_labelled_film(boxes: tuple[BoxRecord, ...], name: str) -> None:
    assert stratum(film(boxes=boxes)) == name


def test_the_command_adds_boxes_to_train_films_alone(tmp_path: Path) -> None:
    data: dict[str, object] = {"recipe": "tiny"}
    checkpoint.save(tmp_path / "tiny", tiny.network(), tiny.tokenizer_files(), data=data, metrics={}, threshold=0.0)
    rows: list[dict[str, Any]] = []
    for number, split in enumerate(("train", "train", "val", "train")):
        Image.fromarray(np.round(noise_film(number).pixels * 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "patient_id": f"p{number}", "source": "nih_bbox", "split": split})
        rows[-1] |= {"findings": ["Mass"], "boxes": [HAND] if number == 1 else [], "view": "PA"}
    (tmp_path / "3.png").write_bytes(b"no picture")
    records, out = tmp_path / "records.jsonl", tmp_path / "made" / "pseudo.jsonl"
    records.write_text("\n".join(map(json.dumps, rows)))
    options = ["--model", str(tmp_path / "tiny"), "--records", str(records), "--out", str(out)]
    assert main([*options, "--keep", "1", "--least", "0"]) == 0
    first, boxed, held, unread = read(out)
    assert {(b.label, b.kind, b.quality) for b in first.boxes} >= {("Mass", "finding", PSEUDO)}
    assert {b.phrase for b in boxed.boxes if b.quality == PSEUDO} <= {"right lung", "left lung"}
    assert boxed.boxes[0].quality == ""
    assert held.boxes == unread.boxes == ()
    assert first.path == (tmp_path / "0.png").resolve(), "images are found from wherever the file lies"
