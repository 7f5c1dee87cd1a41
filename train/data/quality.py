"""The last door before the records: films that are missing, unreadable, tiny, lateral, twice there or mute stay out."""

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import pydicom
from PIL import Image

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from train.data.film import Film
from train.data.request import Tally

SHORTEST = 128
"""Pixels of the shorter side below which a finding of 5 % of the width is a handful of pixels."""


def size_wh(path: Path) -> tuple[int, int] | None:
    """(width, height) from the header of a picture or DICOM file; None where it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        return dicom_header(path).size_wh


@dataclass(frozen=True)
class DicomHeader:
    """What is taken from a DICOM header: size, and age, sex and view where they were left in."""

    size_wh: tuple[int, int] | None = None
    age: str = ""
    sex: str = ""
    view: str = ""


def dicom_header(path: Path) -> DicomHeader:
    """The header without the pixels; all empty where the file is no DICOM."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tags = pydicom.dcmread(
                path,
                stop_before_pixels=True,
                specific_tags=["Rows", "Columns", "PatientAge", "PatientSex", "ViewPosition"],
            )
            size = (int(tags.Columns), int(tags.Rows))
    except Exception:  # pydicom raises whatever a damaged header leads it to
        return DicomHeader()
    age, sex, view = (str(tags.get(name) or "") for name in ("PatientAge", "PatientSex", "ViewPosition"))
    return DicomHeader(size, age, sex, view)


@dataclass
class Door:
    """Admits films one by one. ``barred`` patients may not train: another set tests with them."""

    tally: Tally
    laterals: bool = False
    verify: bool = False
    barred: frozenset[str] = frozenset()
    _seen: set[Path] = field(default_factory=set)

    def admit(self, film: Film) -> Film | None:
        """The film with its size, counted; None, counted with the reason, where it stays out."""
        reason, sized = self._reason(film)
        if reason:
            self.tally.drop(reason)
            return None
        self._seen.add(film.path)
        self.tally.keep(sized)
        return sized

    def _reason(self, film: Film) -> tuple[str, Film]:
        if film.path in self._seen:
            return "the same film a second time", film
        if not film.split:
            return "in no split", film
        if film.view == "LATERAL" and not self.laterals:
            return "lateral view", film
        if film.split == "train" and film.patient in self.barred:
            return "a patient that the other records test with", film
        if not (film.report or film.findings or film.boxes):
            return "nothing is said of the film", film
        if not film.path.is_file():
            return "the film's file is missing", film
        size = size_wh(film.path)
        if size is None or not self._decodes(film.path):
            return "the film's file cannot be read", film
        if min(size) < SHORTEST:
            return f"shorter side below {SHORTEST} pixels", film
        return "", replace(film, width=size[0], height=size[1])

    def _decodes(self, path: Path) -> bool:
        if not self.verify:
            return True
        try:
            Radiograph.read(path)
        except LofiError:
            return False
        return True
