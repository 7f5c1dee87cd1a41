"""What ties an export to the DICOM image that it speaks of: read apart from the film, and only for an export.

A Radiograph is de-identified and shared by content; these identifiers are neither. Whoever took the upload reads them
from its bytes, keeps them with that one user's session and hands them to that user's exports. They never reach a page,
a message or a log: ``repr`` of an Origin shows nothing, and every value is checked or cleaned before it is kept.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from lofi.errors import UnreadableFilm
from lofi.film.charset import NAME_ENDS, TEXT_ENDS, decoded
from lofi.film.elements import Elements, looks_like_dicom, read_elements

_CHARACTER_SET, _CLASS, _INSTANCE, _STUDY, _SERIES = 0x0008_0005, 0x0008_0016, 0x0008_0018, 0x0020_000D, 0x0020_000E
_ROWS, _COLUMNS = 0x0028_0010, 0x0028_0011
_NAME, _ID, _BIRTH_DATE, _SEX = 0x0010_0010, 0x0010_0020, 0x0010_0030, 0x0010_0040
_STUDY_DATE, _STUDY_TIME, _STUDY_ID, _ACCESSION, _REFERRER = (
    0x0008_0020, 0x0008_0030, 0x0020_0010, 0x0008_0050, 0x0008_0090,
)  # fmt: skip
_WANTED = frozenset(
    {
        _CHARACTER_SET, _CLASS, _INSTANCE, _STUDY, _SERIES, _ROWS, _COLUMNS, _NAME, _ID, _BIRTH_DATE, _SEX,
        _STUDY_DATE, _STUDY_TIME, _STUDY_ID, _ACCESSION, _REFERRER,
    }
)  # fmt: skip
_TEXTS = {
    "name": (_NAME, 64), "patient_id": (_ID, 64), "study_id": (_STUDY_ID, 16), "accession_number": (_ACCESSION, 16),
    "referring_physician": (_REFERRER, 64),
}  # fmt: skip
"""Field of Patient → tag and greatest length in characters, of a person's name in each of its three groups."""
_IMAGE_CLASSES = "1.2.840.10008.5.1.4.1.1."
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)


@dataclass(frozen=True, repr=False)
class Patient:
    """The patient and study modules of the source, as an archive files by them; "" where the source has none.

    Names are in DICOM's form (Family^Given), dates YYYYMMDD, times HHMMSS.
    """

    name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession_number: str = ""
    referring_physician: str = ""


@dataclass(frozen=True, repr=False)
class Origin:
    """The DICOM image that a film was read from. ``film`` is the sha256 of the file, as the Radiograph has it.

    ``unread`` names in words what the file has and nobody may file by: texts that are in no character set it names, or
    too long.
    """

    film: str
    sop_class: str
    instance: str
    series: str
    study: str
    size_hw: tuple[int, int]
    patient: Patient
    unread: str = ""


def read_origin(data: bytes) -> Origin | None:
    """The origin in a file's bytes; None for other than DICOM, and where its UIDs are missing or malformed.

    Of such a source nothing can be referenced by the standard: an export then brings an image of its own.
    """
    if not looks_like_dicom(data):
        return None
    try:
        elements = read_elements(data, _WANTED)
    except UnreadableFilm:
        return None
    uids = [elements.text(tag) for tag in (_CLASS, _INSTANCE, _SERIES, _STUDY)]
    if not all(_UID.fullmatch(uid) and len(uid) <= 64 for uid in uids) or not uids[0].startswith(_IMAGE_CLASSES):
        return None
    size_hw = elements.number(_ROWS) or 0, elements.number(_COLUMNS) or 0
    sop_class, instance, series, study = uids
    texts = {name: _text(elements, tag, longest) for name, (tag, longest) in _TEXTS.items()}
    unread = ", ".join(name.replace("_", " ") for name, text in texts.items() if text is None)
    patient = _patient(elements, {name: text or "" for name, text in texts.items()})
    film = hashlib.sha256(data).hexdigest()
    return Origin(film, sop_class, instance, series, study, size_hw, patient, unread)


def _patient(elements: Elements, texts: dict[str, str]) -> Patient:
    sex = elements.text(_SEX)
    return Patient(
        birth_date=_date(elements.text(_BIRTH_DATE)),
        sex=sex if sex in ("M", "F", "O") else "",
        study_date=_date(elements.text(_STUDY_DATE)),
        study_time=_time(elements.text(_STUDY_TIME)),
        **texts,
    )


def _text(elements: Elements, tag: int, longest: int) -> str | None:
    """A text without what no text may hold; None where it cannot be decoded or is too long to be right.

    A cut identifier would be another patient's, so none is ever cut.
    """
    value = bytes(elements.values.get(tag, b"")[:4096]).rstrip(b"\0")
    name = tag in (_NAME, _REFERRER)
    try:
        text = decoded(value, elements.text(_CHARACTER_SET), NAME_ENDS if name else TEXT_ENDS)
    except UnicodeError:
        return None
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C" and c != "\\").strip()
    groups = kept.split("=") if name else [kept]
    if len(groups) > 3 or any(len(group) > longest for group in groups):
        return None
    return None if name and any(group.count("^") > 4 for group in groups) else kept


def _date(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y%m%d").strftime("%Y%m%d")
    except ValueError:
        return ""


def _time(text: str) -> str:
    """HHMMSS with what fraction there is."""
    match = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d)?([0-5]\d)?(\.\d{1,6})?", text, re.ASCII)
    return text if match and (match[3] or not match[4]) else ""
