"""RSNA's pneumonia challenge of 2018: 26,684 films of ChestX-ray14, read as normal, opaque or neither, opacities boxed.

Format read in: public code that reads the challenge on Kaggle, several loaders that agree. ``stage_2_train_labels.csv``
(patientId, x, y, width, height, Target: a row a box, in pixels of the film, empty where Target is 0),
``stage_2_detailed_class_info.csv`` (patientId, class: "Normal", "Lung Opacity" or "No Lung Opacity / Not Normal",
repeated for each box) and ``stage_2_train_images/<patientId>.dcm``, 1024 × 1024, whose header has PatientAge ("51"),
PatientSex and ViewPosition. A patientId is a film's: who the patient is, is told only by
``pneumonia-challenge-dataset-mappings_2018.json``, a list of {subset_img_id: patientId, img_id: "00000072_000.png", …}
that RSNA publishes on its own page of the challenge (AI/2018 of east1.public.rsna.org). Without it a patient would
stand in two splits, so it is needed. That subset_img_id is Kaggle's patientId is confirmed by loaders, not by RSNA's
own words. The challenge's test films have no labels here and are not read.

With ``--nih`` the film of a record is ChestX-ray14's own picture, so that training joins what both sets say of it;
without it do not train on both. Boxes are divided by the size in the DICOM header, else by 1,024. Films that are
neither normal nor opaque are left out: what they show is not named.

Split: by hash of ChestX-ray14's patient, as nih14 does with ``--split hash``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lofi.gallery.text import age_in_years, sex_letter, view_position
from train.data import nih14, splits
from train.data.archive import objects
from train.data.film import NO_FINDING, Film
from train.data.lexicon import CANONICAL
from train.data.quality import dicom_header
from train.data.records import BoxRecord
from train.data.regions import boxed, from_xywh
from train.data.request import Request
from train.data.tables import need, read_json, table

SPLIT = "by hash of ChestX-ray14's patient (the challenge's test films are published without labels)"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
OPACITY = "Lung Opacity"
_BOX = ("x", "y", "width", "height")
_PICTURE = re.compile(r"(\d{8})_\d{3}\.png")


def films(request: Request) -> Iterator[Film]:
    """A film for each patientId that is normal or has an opacity."""
    classes = _classes(need(request.root, "stage_2_detailed_class_info.csv"))
    drawn, origins = _drawn(need(request.root, "stage_2_train_labels.csv")), _origins(need(request.root, MAPPING))
    pictures = nih14.pictures(request.nih) if request.nih else {}
    request.tally.expected = len(classes)
    for name, read_as in classes.items():
        if read_as not in ("normal", OPACITY.casefold()):
            request.tally.drop("neither normal nor an opacity: what it shows is not named")
        elif name not in origins:
            request.tally.drop("a film that the mapping does not name: its patient is not known")
        else:
            yield _film(name, read_as == "normal", origins[name], drawn.get(name, []), pictures, request)


def _classes(path: Path) -> dict[str, str]:
    """By patientId: its class, folded."""
    rows = table(path, ["patientid", "class"])
    return {
        row["patientid"]: row["class"].casefold() for row in rows if Path(row["patientid"]).name == row["patientid"]
    }


def _drawn(path: Path) -> dict[str, list[dict[str, str]]]:
    """By patientId: rows with a box."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in table(path, ["patientid", *_BOX, "target"]):
        if row["target"] == "1":
            found.setdefault(row["patientid"], []).append(row)
    return found


def _origins(path: Path) -> dict[str, tuple[str, str]]:
    """By patientId: ChestX-ray14's picture, and its patient as records name it."""
    found = {}
    for entry in objects(read_json(path)):
        name, picture = entry.get("subset_img_id"), entry.get("img_id")
        if isinstance(name, str) and isinstance(picture, str) and (match := _PICTURE.fullmatch(picture)):
            found[name] = picture, nih14.named(int(match[1]))
    return found


def _film(
    name: str,
    normal: bool,
    origin: tuple[str, str],
    rows: list[dict[str, str]],
    pictures: dict[str, Path],
    request: Request,
) -> Film:
    picture, patient = origin
    path = request.root / "stage_2_train_images" / f"{name}.dcm"
    header = dicom_header(path)
    if request.nih and picture not in pictures:
        request.tally.notes["film that ChestX-ray14's folder lacks: RSNA's copy is taken"] += 1
    return Film(
        path=pictures.get(picture, path),
        patient=patient,
        source="rsna_normal" if normal else "rsna_opacity",
        split=splits.hashed(patient),
        study=picture.removesuffix(".png"),
        view=view_position(header.view),
        sex=sex_letter(header.sex),
        age=age_in_years(header.age),
        findings=(NO_FINDING if normal else OPACITY,),
        boxes=tuple(_boxes(rows, header.size_wh or (nih14.SIDE, nih14.SIDE), request)),
    )


def _boxes(rows: list[dict[str, str]], size: tuple[float, float], request: Request) -> Iterator[BoxRecord]:
    for row in rows:
        if box := from_xywh([row[name] for name in _BOX], size, request.tally):
            yield boxed(CANONICAL[OPACITY], OPACITY, box, request.tally)
