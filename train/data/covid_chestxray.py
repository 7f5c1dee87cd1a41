"""The COVID-19 image data collection (ieee8023/covid-chestxray-dataset): films of case reports, with notes and lungs.

Format read in: the repository's own ``SCHEMA.md``, ``metadata.csv`` (two versions) and box file. ``metadata.csv`` has
patientid, offset (days), sex, age, finding ("COVID-19, ARDS", in later versions "Pneumonia/Viral/COVID-19"; also "No
Finding", "todo", "Unknown"), view (PA, AP, AP Supine, L, …), modality (X-ray or CT), folder, filename, url,
clinical_notes and more; the first version says notes and has neither modality nor folder. Films are
``images/<filename>``. ``annotations/imageannotation_ai_lung_bounding_boxes.json`` is COCO's: images (id, file_name,
width, height), annotations (image_id, category_id, bbox [x, y, w, h], some of them null) and the categories Right Lung
and Left Lung, the patient's sides. The boxes are loose (0.84 IoU with masks, as ``../shared/README.md`` measured).

clinical_notes tell a case, not a film: of them stay the sentences that speak of a radiograph's signs and not of CT, and
none that stands with films of several days. Hannover's films are here a second time and left out: the set hannover
reads them. The machine-made lung masks and severity scores are not read. Terms differ film by film (column license).

Split: by hash of the patient ("350b" with 350).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lofi.gallery.text import age_in_years, sex_letter, view_position
from train.data import splits
from train.data.archive import listed, objects
from train.data.film import Film
from train.data.labels import labels
from train.data.records import BoxRecord
from train.data.regions import boxed, from_xywh
from train.data.request import Request
from train.data.sentences import split, usable
from train.data.tables import find, need, number, read_json, table

SPLIT = "by hash of the patient (the collection has no official split)"
HANNOVER = "ml-workgroup/covid-19-image-repository"
_UNSAID = frozenset({"", "todo", "unknown"})
_SIGNS = re.compile(
    r"radiograph|x-?rays?\b|\bcxr\b|opaci|consolidat|infiltrat|effusion|air ?space|ground.glass|lungs? (are )?clear"
    r"|nodul|cavit|pneumothora|cardiomegal|costophrenic|hilar|mediastin",
    re.IGNORECASE,
)
_OTHER = re.compile(r"\bH?R?CT\b|tomograph|ultrasound|\bMRI\b", re.IGNORECASE)
_Told = dict[tuple[str, str], set[str]]


def films(request: Request) -> Iterator[Film]:
    """A film for each row that is a radiograph."""
    rows = list(table(need(request.root, "metadata.csv"), ["patientid", "finding", "view", "filename"]))
    request.tally.expected = len(rows)
    told, lungs = _told(rows), _lungs(request.root, request)
    for row in rows:
        name, subject = row["filename"], row["patientid"]
        if row.get("modality", "X-ray").casefold() not in ("x-ray", "") or row["view"] in ("CT", "Axial", "Coronal"):
            request.tally.drop("no radiograph")
        elif HANNOVER in row.get("url", ""):
            request.tally.drop("a film of Hannover's repository, which the set hannover reads")
        elif not subject or not name or Path(name).name != name:
            request.tally.drop("a row without a patient or a file name")
        else:
            said = usable(_said(row, told), request.tally)
            yield Film(
                path=request.root / "images" / name,
                patient=f"cov-{subject}",
                source="covid_chestxray",
                split=splits.hashed(f"cov-{_number(subject)}"),
                study=f"{subject}-{row.get('offset', '')}",
                view=view_position(row["view"]),
                sex=sex_letter(row.get("sex")),
                age=age_in_years(row.get("age")),
                findings=labels(_findings(row["finding"])),
                report="\n".join(said),
                report_kind="sentences about the film out of the case's notes" if said else "",
                sentences=said,
                boxes=tuple(lungs.get(name, ())),
            )


def _number(subject: str) -> str:
    """The patient's number without a letter behind it."""
    match = re.match(r"\d+", subject)
    return match[0] if match else subject


def _findings(finding: str) -> Iterator[str]:
    """What a path or list of findings names; a pneumonia of a germ is a pneumonia, and COVID-19 its own label."""
    for one in finding.split(","):
        path = [part.strip() for part in one.split("/")]
        if path[-1].casefold() in _UNSAID:
            continue
        if path[0] == "Pneumonia" and path[-1] != "COVID-19":
            yield "Pneumonia"
        yield path[-1]


def _notes(row: dict[str, str]) -> list[str]:
    """The sentences of a case's notes that speak of a radiograph."""
    notes = split(row.get("clinical_notes") or row.get("notes") or "")
    return [sentence for sentence in notes if _SIGNS.search(sentence) and not _OTHER.search(sentence)]


def _told(rows: list[dict[str, str]]) -> _Told:
    """(patient, sentence) → the days of the films that it stands with."""
    found: _Told = {}
    for row in rows:
        for sentence in _notes(row):
            found.setdefault((row["patientid"], sentence), set()).add(row.get("offset", ""))
    return found


def _said(row: dict[str, str], told: _Told) -> list[str]:
    return [sentence for sentence in _notes(row) if len(told[row["patientid"], sentence]) == 1]


def _lungs(root: Path, request: Request) -> dict[str, list[BoxRecord]]:
    """File name → boxes of its lungs."""
    path = find(root, "annotations/imageannotation_ai_lung_bounding_boxes.json")
    if path is None:
        request.tally.notes["the file of lung boxes is missing: no boxes"] += 1
        return {}
    read = read_json(path)
    parts = read if isinstance(read, dict) else {}
    names = {entry.get("id"): str(entry.get("name", "")) for entry in objects(parts.get("categories"))}
    films = {entry.get("id"): entry for entry in objects(parts.get("images"))}
    found: dict[str, list[BoxRecord]] = {}
    for entry in objects(parts.get("annotations")):
        film, label = films.get(entry.get("image_id"), {}), names.get(entry.get("category_id"), "")
        size = number(film.get("width")) or 0.0, number(film.get("height")) or 0.0
        if label not in ("Right Lung", "Left Lung") or min(size) <= 0:
            request.tally.drop_box("of no lung, or of a film whose size is not told")
        elif box := from_xywh(listed(entry.get("bbox")), size, request.tally):
            lung = boxed(label.casefold(), label, box, request.tally, kind="anatomy", quality="")
            found.setdefault(str(film.get("file_name")), []).append(lung)
    return found
