"""VinDr-CXR: 18,000 PA films with boxes of 22 findings, drawn by three radiologists (train) or by consensus (test).

Format read in: RadVLM's loader and others in public repositories, one README that shows rows, and the abstract of the
dataset's page on PhysioNet (vindr-cxr 1.0.0). ``annotations/`` (or the root) holds ``annotations_train.csv`` (image_id,
rad_id, class_name, x_min, y_min, x_max, y_max in pixels of the DICOM, empty for "No finding"), ``annotations_test.csv``
(without rad_id), ``image_labels_{train,test}.csv`` (image_id, rad_id in train, and one column of 0 and 1 a class;
"Other disease" in test, "Other diseases" in train); films are ``{train,test}/<image_id>.dicom``. Pixels are of the
DICOM, whose Rows and Columns are read: resized copies cannot be used. In train, boxes of one class that overlap (IoU ≥
0.4) are averaged over readers: "exact" where two or three drew it, "weak" where one did; a label counts when two of
three gave it. Those two rules are ours. Not confirmed: that the films of one patient are few (the set publishes no
patient, so each film stands for one).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lofi.boxes import Boxes, pairwise_iou
from lofi.gallery.text import age_in_years, sex_letter
from train.data import splits
from train.data.film import NO_FINDING, Film
from train.data.labels import canonical, labels
from train.data.quality import dicom_header
from train.data.records import BoxRecord
from train.data.regions import boxed, corner_tuple, on_film
from train.data.request import Request, Tally
from train.data.tables import find, need, number, table

SPLIT = (
    "VinDr-CXR's official train and test; a tenth of train, by hash of the film, is validation (no patients published)"
)
SAME_FINDING = 0.4
_PHRASES = {
    "ILD": "interstitial lung disease",
    "Enlarged PA": "enlarged pulmonary artery",
    "Nodule/Mass": "nodule or mass",
}


def films(request: Request) -> Iterator[Film]:
    """A film for each image of both parts."""
    need(request.root, *_places("image_labels_train"), *_places("image_labels_test"))
    found = {part: find(request.root, *_places(f"image_labels_{part}")) for part in ("train", "test")}
    votes = {part: _votes(path) for part, path in found.items() if path}
    request.tally.expected = sum(map(len, votes.values()))
    for part in votes:
        rows = _rows(need(request.root, *_places(f"annotations_{part}")))
        for image, counted in votes[part].items():
            yield _film(image, part, counted, rows.get(image, []), request)


def _places(stem: str) -> tuple[str, str]:
    """Where a table may lie."""
    return f"annotations/{stem}.csv", f"{stem}.csv"


def _votes(path: Path) -> dict[str, tuple[int, dict[str, int]]]:
    """Image → (readers, votes for each class)."""
    found: dict[str, tuple[int, dict[str, int]]] = {}
    for row in table(path, ["image_id", "no finding"]):
        readers, votes = found.get(row["image_id"], (0, {}))
        for name, cell in row.items():
            if name not in ("image_id", "rad_id"):
                votes[name] = votes.get(name, 0) + ((number(cell) or 0) > 0)
        found[row["image_id"]] = (readers + 1, votes)
    return found


def _rows(path: Path) -> dict[str, list[dict[str, str]]]:
    """Image → its boxes."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in table(path, ["image_id", "class_name", "x_min", "y_min", "x_max", "y_max"]):
        if row["x_min"]:
            found.setdefault(row["image_id"], []).append(row)
    return found


def _film(
    image: str, part: str, counted: tuple[int, dict[str, int]], rows: list[dict[str, str]], request: Request
) -> Film:
    path = request.root / part / f"{image}.dicom"
    header = dicom_header(path)
    readers, votes = counted
    named = {_label(name): count for name, count in votes.items() if not name.startswith("other ")}
    patient = f"vindr-{image}"
    return Film(
        path=path,
        patient=patient,
        source="vindr_cxr",
        split=splits.hashed(patient) if request.hashed else splits.carved(part, patient),
        study=image,
        view="PA",
        sex=sex_letter(header.sex),
        age=age_in_years(header.age),
        findings=labels(label for label, count in named.items() if 2 * count > readers),
        absent=tuple(label for label, count in named.items() if not count and label != NO_FINDING),
        boxes=tuple(_boxes(rows, header.size_wh, part, request.tally)) if header.size_wh else (),
    )


def _label(name: str) -> str:
    """The class in the lexicon's words, else with its capital; column names arrive in lower case."""
    found = canonical(name)
    written = {"ild": "ILD", "copd": "COPD", "enlarged pa": "Enlarged PA", "nodule/mass": "Nodule/Mass"}
    return written.get(found.casefold(), found[:1].upper() + found[1:])


def _boxes(rows: list[dict[str, str]], size: tuple[int, int], part: str, tally: Tally) -> Iterator[BoxRecord]:
    drawn: dict[str, list[tuple[str, tuple[float, ...]]]] = {}
    for row in rows:
        if row["class_name"].casefold().startswith("other "):
            tally.drop_box("of no named finding (Other lesion)")
        elif box := on_film([row[name] for name in ("x_min", "y_min", "x_max", "y_max")], size, tally):
            drawn.setdefault(row["class_name"], []).append((row.get("rad_id", ""), box))
    for name, found in drawn.items():
        corners = np.asarray([box for _, box in found])
        for merged, readers in consensus(corners, [reader for reader, _ in found]):
            label = _label(name)
            phrase = _PHRASES.get(name, label.replace("_", " ").casefold())
            quality = "exact" if part == "test" or readers > 1 else "weak"
            yield boxed(phrase, label, corner_tuple(merged), tally, quality=quality)


def consensus(corners: Boxes, readers: list[str]) -> list[tuple[Boxes, int]]:
    """Groups of the (M, 4) boxes that overlap their first at IoU ≥ 0.4: ((1, 4) mean, number of readers) of each."""
    left = list(range(len(corners)))
    overlap = pairwise_iou(corners, corners)
    groups = []
    while left:
        members = [number for number in left if number == left[0] or overlap[left[0], number] >= SAME_FINDING]
        groups.append((corners[members].mean(0)[None], len({readers[number] for number in members})))
        left = [number for number in left if number not in members]
    return groups
