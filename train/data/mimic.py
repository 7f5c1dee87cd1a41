"""MIMIC-CXR-JPG itself: which films there are, where they lie, their size, split and CheXpert labels.

Format read in: public code that reads MIMIC-CXR-JPG 2.0.0 and 2.1.0, among it tests that write
``mimic-cxr-2.0.0-{metadata,split,chexpert}.csv.gz`` with these columns, and a summary of its page on PhysioNet. Films
are ``files/p10/p10000032/s50414267/<dicom_id>.jpg``; metadata has dicom_id, subject_id, study_id, ViewPosition, Rows,
Columns; split has dicom_id, study_id, subject_id, split (train, validate, test); chexpert has subject_id, study_id and
14 labels of 1 (present), 0 (denied), −1 (uncertain) or nothing. Taken for granted, not confirmed: Rows and Columns are
those of the JPG, so that boxes in pixels of the film may be divided by them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lofi.errors import BadQuery
from lofi.gallery.text import view_position
from train.data import splits
from train.data.labels import labels
from train.data.request import Request
from train.data.tables import find, need, number, table

SPLIT = "MIMIC-CXR's official split by patient (mimic-cxr-2.0.0-split.csv)"
CHEXPERT = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion"),
    *("Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax"),
    "Support Devices",
)


@dataclass(frozen=True)
class MimicFilm:
    """One row of the metadata. ``size_wh`` is None where Rows and Columns are missing."""

    dicom: str
    patient: str
    study: str
    view: str
    split: str
    path: Path
    size_wh: tuple[float, float] | None


@dataclass(frozen=True)
class Mimic:
    """All films by DICOM id, in the order of the metadata, and the labels of studies: (present, denied)."""

    films: dict[str, MimicFilm]
    findings: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]

    def of_study(self) -> dict[str, list[MimicFilm]]:
        """The films of each study."""
        found: dict[str, list[MimicFilm]] = {}
        for film in self.films.values():
            found.setdefault(film.study, []).append(film)
        return found

    def labels_of(self, study: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Labels present and denied in a study."""
        return self.findings.get(study, ((), ()))


def folder_of(request: Request) -> Path:
    """The folder of MIMIC-CXR-JPG: asked for, or the root itself where it holds the metadata."""
    if request.mimic is not None:
        return request.mimic
    if find(request.root, "mimic-cxr-2.0.0-metadata.csv*") is None:
        raise BadQuery("This set annotates films of MIMIC-CXR-JPG: name its folder with --mimic.")
    return request.root


def read_mimic(request: Request) -> Mimic:
    """The index of MIMIC-CXR-JPG. Raises BadQuery where a table is missing."""
    root = folder_of(request)
    part = {row["dicom_id"]: row["split"] for row in table(need(root, "*-split.csv.gz", "*-split.csv"), _KEYS + _PART)}
    films = {film.dicom: film for film in _films(root, part, request.hashed)}
    labelled = find(root, "*-chexpert.csv.gz", "*-chexpert.csv")
    return Mimic(films, dict(_findings(labelled)) if labelled else {})


_KEYS, _PART = ["dicom_id", "study_id", "subject_id"], ["split"]


def _films(root: Path, part: dict[str, str], hashed: bool) -> Iterator[MimicFilm]:
    for row in table(need(root, "*-metadata.csv.gz", "*-metadata.csv"), [*_KEYS, "viewposition", "rows", "columns"]):
        subject, study, dicom = row["subject_id"], row["study_id"], row["dicom_id"]
        patient = f"mimic-{subject}"
        width, height = number(row["columns"]), number(row["rows"])
        yield MimicFilm(
            dicom=dicom,
            patient=patient,
            study=study,
            view=view_position(row["viewposition"]),
            split=splits.hashed(patient) if hashed else splits.official(part.get(dicom, "")),
            path=root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{dicom}.jpg",
            size_wh=(width, height) if width and height else None,
        )


def _findings(path: Path) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    for row in table(path, ["study_id"]):
        values = {name: number(row.get(name.casefold(), "")) for name in CHEXPERT}
        present = labels(name for name, value in values.items() if value == 1)
        yield row["study_id"], (present, labels(name for name, value in values.items() if value == 0))
