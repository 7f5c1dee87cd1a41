"""What an archive's lists say of studies and images: JSON of a stranger (PS3.18 F.2), checked and cleaned."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lofi.errors import BadQuery
from lofi.gallery.text import clean_line, view_position

UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
COMPUTED, CAPTURE = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.7"
DIGITAL, RAW = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"
FILMS = (COMPUTED, DIGITAL, RAW, CAPTURE)
"""Classes of images that can be a chest film: CR, DX to be shown, DX as it was taken, and captures."""
REPORTS = tuple(f"1.2.840.10008.5.1.4.1.1.88.{kind}" for kind in (11, 22, 33))
"""Classes of structured reports in text: basic, enhanced, comprehensive."""
OURS = "LoFi"
"""How the description of every series begins that is sent from here: pictures of boxes are no films."""
_CHEST = re.compile(r"CHEST|THORA|TORAX|TORACE|LUNG|RIB|PULM|CXR", re.IGNORECASE)
_WILD = re.compile(r"[*?\\]")


@dataclass(frozen=True)
class Query:
    """What studies are asked for; "" asks for any. ``date`` is YYYYMMDD or two of them with a hyphen between."""

    date: str = ""
    modality: str = ""
    accession: str = ""
    patient: str = ""
    study: str = ""

    @classmethod
    def of(
        cls, since: str = "", until: str = "", modality: str = "", accession: str = "", patient: str = ""
    ) -> "Query":
        """The query of a form; dates as YYYY-MM-DD or YYYYMMDD. Raises BadQuery, also where it asks for everything."""
        first, last = _day(since), _day(until)
        if first and last and last < first:
            raise BadQuery("The search ends before it begins: write the earlier date first.")
        name = modality.strip().upper()
        if name and not re.fullmatch(r"[A-Z]{2,16}", name, re.ASCII):
            raise BadQuery("A modality is a short word such as CR or DX.")
        found = cls(f"{first}-{last}" if first or last else "", name, _exact(accession, 16), _exact(patient, 64))
        if found == cls(modality=name):
            raise BadQuery("Say which studies: a date, an accession number or a patient's number.")
        return found

    def filters(self) -> dict[str, str]:
        """As the archive's search takes them."""
        named = {
            "StudyDate": self.date, "ModalitiesInStudy": self.modality, "AccessionNumber": self.accession,
            "PatientID": self.patient, "StudyInstanceUID": self.study,
        }  # fmt: skip
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, repr=False)
class StudyLine:
    """A study in a list. Its patient is shown to whoever searches, and written nowhere: ``repr`` shows nothing."""

    study: str
    date: str = ""
    time: str = ""
    description: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()
    images: int | None = None
    patient: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""

    def same_patient(self, other: "StudyLine") -> bool:
        """One number of one place, and no birth date that says otherwise."""
        births = {self.birth_date, other.birth_date} - {""}
        return bool(self.patient) and (self.patient, self.issuer) == (other.patient, other.issuer) and len(births) < 2


@dataclass(frozen=True, repr=False)
class FilmLine:
    """An image in a list: where it is, its class, and what is said of it."""

    study: str
    series: str
    instance: str
    sop_class: str = ""
    view: str = ""
    part: str = ""
    description: str = ""

    @property
    def may_be_chest(self) -> bool:
        """False where the archive says that it shows another part of the body."""
        return not self.part or bool(_CHEST.search(self.part))


def study_line(row: object) -> StudyLine | None:
    """One line of a list of studies; None where it has no usable UID."""
    study = _uid(row, "0020000D")
    if not study:
        return None
    count = _value(row, "00201208")
    return StudyLine(
        study,
        date=_digits(_text(row, "00080020"), 8),
        time=_text(row, "00080030")[:6],
        description=_text(row, "00081030"),
        accession=_text(row, "00080050"),
        modalities=tuple(clean_line(one, 16) for one in _values(row, "00080061")[:8]),
        images=count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None,
        patient=_text(row, "00100020"),
        issuer=_text(row, "00100021"),
        name=_text(row, "00100010"),
        birth_date=_digits(_text(row, "00100030"), 8),
    )


def film_line(row: object, study: str, classes: Collection[str] = FILMS) -> FilmLine | None:
    """One line of a list of images; None where it is of none of the ``classes``, or was sent from here."""
    series, instance, sop_class = _uid(row, "0020000E"), _uid(row, "00080018"), _text(row, "00080016")
    description = _text(row, "0008103E")
    if not (series and instance) or sop_class not in classes or description.startswith(OURS):
        return None
    view = view_position(_text(row, "00185101"))
    return FilmLine(study, series, instance, sop_class, view, _text(row, "00180015"), description)


def films_to_show(lines: list[FilmLine]) -> list[FilmLine]:
    """Without images as they were taken where the same study has those to be shown."""
    shown = [line for line in lines if line.sop_class != RAW]
    return shown or lines


def uid(text: object) -> str:
    """A UID that somebody gave. Raises BadQuery."""
    if not isinstance(text, str) or not UID.fullmatch(text) or len(text) > 64:
        raise BadQuery("A study is named by its UID, digits and dots such as 1.2.840.1: check the link.")
    return text


def _values(row: object, tag: str) -> list[Any]:
    element = row.get(tag) if isinstance(row, Mapping) else None
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values if isinstance(values, list) else []


def _value(row: object, tag: str) -> object:
    return next(iter(_values(row, tag)), None)


def _text(row: object, tag: str) -> str:
    """The first value as one clean line; of a name its letters."""
    value = _value(row, tag)
    if isinstance(value, Mapping):
        value = next((value[form] for form in ("Alphabetic", "Ideographic", "Phonetic") if value.get(form)), "")
    return clean_line(value, 128)


def _uid(row: object, tag: str) -> str:
    text = _text(row, tag)
    return text if UID.fullmatch(text) and len(text) <= 64 else ""


def _digits(text: str, count: int) -> str:
    return text if text.isascii() and text.isdigit() and len(text) == count else ""


def _day(text: str) -> str:
    said = text.strip().replace("-", "")
    if not said:
        return ""
    try:
        return datetime.strptime(said, "%Y%m%d").strftime("%Y%m%d")
    except ValueError:
        raise BadQuery("A date is written as 2026-01-31.") from None


def _exact(text: str, longest: int) -> str:
    said = text.strip()
    if len(said) > longest or not said.isprintable() or _WILD.search(said):
        raise BadQuery(f"A number is given whole, of at most {longest} characters, without * or ?.")
    return said
