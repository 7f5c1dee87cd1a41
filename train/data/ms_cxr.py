"""MS-CXR: 1,162 phrases of radiologists with boxes on MIMIC-CXR films; ``--root`` the set, ``--mimic`` MIMIC-CXR-JPG.

Format read in: hi-ml's script that converts the JSON to the CSV, and notes in public repositories on the columns of
1.1.0. ``MS_CXR_Local_Alignment_v1.1.0.json`` (or v1.0.0) is COCO: images [{id, file_name, path:
"files/p10/…/<dicom_id>.jpg", width, height}], annotations [{image_id, category_id, bbox: [x, y, width, height] in
pixels of the film, label_text}], categories [{id, name}]. ``….csv`` beside it has dicom_id, category_name, label_text,
path, x, y, w, h, image_width, image_height and, in 1.1.0, split. The CSV is read where it is there, since only it has
the split.

Split: the CSV's own (train, val, test) where it has one, else all films are "test", which is what the set is for. It is
NOT MIMIC's: its test patients stand in MIMIC's train part, so make MIMIC's records with ``--apart-from`` these. Not
confirmed: the spelling of the split's values in 1.1.0 (any usual one is understood).
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lofi.errors import BadQuery
from train.data import splits
from train.data.archive import objects
from train.data.film import Film
from train.data.labels import labels
from train.data.mimic import folder_of
from train.data.records import BoxRecord
from train.data.regions import boxed, from_xywh
from train.data.request import Request
from train.data.sentences import usable
from train.data.tables import find, number, read_json, table

SPLIT = "the split of MS-CXR 1.1.0's CSV where it has one, else everything is test"
STEM = "MS_CXR_Local_Alignment_v1.*"
_PATIENT = re.compile(r"/p(\d{8})/s(\d{8})/")
_COLUMNS = ["dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width", "image_height"]


def films(request: Request) -> Iterator[Film]:
    """A film for each picture with its phrases; one phrase may have several boxes."""
    mimic = folder_of(request)
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in _rows(request.root):
        grouped.setdefault(row["path"], []).append(row)
    request.tally.expected = len(grouped)
    for path, rows in grouped.items():
        ids = _PATIENT.search(path)
        if ids is None:
            request.tally.drop("a path without patient and study")
            continue
        patient = f"mimic-{ids[1]}"
        own = splits.official(rows[0].get("split", "")) or ("test" if not rows[0].get("split") else "")
        yield Film(
            path=_place(mimic, path),
            patient=patient,
            source="ms_cxr",
            split=splits.hashed(patient) if request.hashed else own,
            study=ids[2],
            findings=labels(row["category_name"] for row in rows),
            sentences=usable((row["label_text"] for row in rows), request.tally),
            boxes=tuple(_boxes(rows, request)),
        )


def _place(mimic: Path, path: str) -> Path:
    """The film in MIMIC-CXR-JPG; a path that climbs is taken by its last five parts."""
    return mimic.joinpath(*[part for part in PurePosixPath(path).parts[-5:] if part not in ("..", "/")])


def _boxes(rows: list[dict[str, str]], request: Request) -> Iterator[BoxRecord]:
    for row in rows:
        size = (number(row["image_width"]) or 0.0, number(row["image_height"]) or 0.0)
        box = from_xywh([row[name] for name in "xywh"], size, request.tally)
        phrase = usable([row["label_text"]], request.tally)
        if box and phrase:
            yield boxed(phrase[0], labels([row["category_name"]])[0], box, request.tally)


def _rows(root: Path) -> Iterator[dict[str, str]]:
    """One row a box, from the CSV or the COCO file of the newest version."""
    flat = sorted(root.glob(f"{STEM}.csv"))
    if flat:
        yield from table(flat[-1], _COLUMNS)
        return
    if find(root, f"{STEM}.json") is None:
        raise BadQuery(f"The folder of the set lacks {STEM}.csv or {STEM}.json.")
    coco = read_json(sorted(root.glob(f"{STEM}.json"))[-1])
    if not isinstance(coco, dict):
        raise BadQuery("The JSON of MS-CXR is no COCO file.")
    images = {image.get("id"): image for image in objects(coco.get("images"))}
    names = {category.get("id"): str(category.get("name")) for category in objects(coco.get("categories"))}
    for note in objects(coco.get("annotations")):
        image, box = images.get(note.get("image_id"), {}), note.get("bbox")
        corners = box if isinstance(box, list) and len(box) == 4 else [""] * 4
        yield {
            "path": str(image.get("path", "")),
            "category_name": names.get(note.get("category_id"), ""),
            "label_text": str(note.get("label_text", "")),
            **{name: str(value) for name, value in zip("xywh", corners, strict=True)},
            "image_width": str(image.get("width", "")),
            "image_height": str(image.get("height", "")),
        }
