"""NIH ChestX-ray14: 112,120 films with text-mined labels, and about a thousand boxes of 8 findings.

Format read in: many public loaders and a team's summary of the release. ``Data_Entry_2017*.csv`` has Image Index,
Finding Labels (joined by "|"), Follow-up #, Patient ID, Patient Age ("058Y" or 58; some above 400 are errors), Patient
Gender (Sex in the revision of 2020), View Position, OriginalImage[Width, Height], OriginalImagePixelSpacing[x, y];
``BBox_List_2017.csv`` has Image Index, Finding Label ("Infiltrate" for Infiltration) and the header "Bbox [x,y,w,h]",
which splits into four columns: left, top, width, height in pixels of the published 1024 × 1024 picture. They are
divided by 1,024, not by the size of the file, so that resized copies fit. ``train_val_list.txt`` and ``test_list.txt``
name a picture a line; pictures lie in ``images/`` or ``images_001/images/`` to ``images_012/images/``.

Split: the official lists; a tenth of the patients of train_val is validation, by hash. All boxed pictures are on the
test list as far as is known, so to train on boxes ask for ``--split hash``. Patients are named as in ``../shared/cxr``
(nih-00072), and sources too (nih_bbox with boxes, nih_labelled without), so that negatives are known as there.
"""

from collections.abc import Iterator
from pathlib import Path

from lofi.gallery.text import age_in_years, sex_letter, view_position
from train.data import splits
from train.data.film import Film
from train.data.labels import labels
from train.data.lexicon import CANONICAL
from train.data.records import BoxRecord
from train.data.regions import boxed, from_xywh
from train.data.request import Request
from train.data.tables import decoded, find, need, number, table

SPLIT = "ChestX-ray14's official lists; a tenth of the train_val patients, by hash, is validation"
SIDE = 1_024.0
_BOX = ("bbox [x", "y", "w", "h]")


def films(request: Request) -> Iterator[Film]:
    """A film for each row of the table."""
    rows = list(table(need(request.root, "Data_Entry_2017*.csv"), ["image index", "finding labels", "patient id"]))
    request.tally.expected = len(rows)
    places, part, drawn = pictures(request.root), _lists(request), _drawn(request)
    for row in rows:
        name, subject = row["image index"], number(row["patient id"])
        if subject is None:
            request.tally.drop("a row without a patient")
            continue
        patient = named(int(subject))
        boxes = tuple(_boxes(drawn.get(name, []), request))
        official = splits.carved(part[name], patient) if name in part else ""
        yield Film(
            path=places.get(name, request.root / "images" / name),
            patient=patient,
            source="nih_bbox" if boxes else "nih_labelled",
            split=splits.hashed(patient) if request.hashed else official,
            study=name.rpartition(".")[0],
            view=view_position(row.get("view position")),
            sex=sex_letter(row.get("patient gender") or row.get("patient sex")),
            age=age_in_years(row.get("patient age")),
            findings=labels(row["finding labels"].split("|")),
            boxes=boxes,
        )


def named(subject: int) -> str:
    """The patient as records name it."""
    return f"nih-{subject:05d}"


def pictures(root: Path) -> dict[str, Path]:
    """Picture name → path, wherever the archives were unpacked."""
    folders = [root / "images", *sorted(root.glob("images_*/images")), *sorted(root.glob("images_*"))]
    return {path.name: path for folder in reversed(folders) if folder.is_dir() for path in folder.glob("*.png")}


def _lists(request: Request) -> dict[str, str]:
    """Picture name → train or test; empty where a hashed split was asked for."""
    if request.hashed:
        return {}
    found = {}
    for name, part in (("train_val_list.txt", "train"), ("test_list.txt", "test")):
        for line in decoded(need(request.root, name).read_bytes()).splitlines():
            if line.strip():
                found[line.strip()] = part
    return found


def _drawn(request: Request) -> dict[str, list[dict[str, str]]]:
    """Picture name → rows of the box list."""
    path = find(request.root, "BBox_List_2017*.csv")
    if path is None:
        request.tally.notes["BBox_List_2017.csv is missing: no boxes"] += 1
        return {}
    found: dict[str, list[dict[str, str]]] = {}
    for row in table(path, ["image index", "finding label", *_BOX]):
        found.setdefault(row["image index"], []).append(row)
    return found


def _boxes(rows: list[dict[str, str]], request: Request) -> Iterator[BoxRecord]:
    for row in rows:
        box = from_xywh([row[name] for name in _BOX], (SIDE, SIDE), request.tally)
        label = (labels([row["finding label"]]) or ("",))[0]
        if box and label:
            yield boxed(CANONICAL.get(label, label), label, box, request.tally)
