"""Identifiers for exports: read when asked for, checked, and shown by nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid

from lofi.film.origin import Origin, read_origin
from lofi.film.radiograph import Radiograph
from tests.film.test_dicom import RAMP, dataset, written

UIDS = {"SOPInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
PERSON = {
    "PatientName": "INVENTED^PERSON", "PatientID": "INV7", "PatientBirthDate": "19500230", "PatientSex": "F",
    "StudyDate": "20260102", "StudyTime": "030405.5", "StudyID": "S1", "AccessionNumber": "A1",
    "ReferringPhysicianName": "OTHER^DOCTOR",
}  # fmt: skip


def origin(**tags: Any) -> Origin | None:
    return read_origin(written(dataset(RAMP, **{**UIDS, **tags})))


def known(**tags: Any) -> Origin:
    found = origin(**tags)
    assert found is not None
    return found


def test_uids_and_size() -> None:
    data = written(dataset(RAMP, **UIDS))
    found = read_origin(data)
    assert found is not None
    assert found.film == Radiograph.read(data).sha256
    assert (found.instance, found.series, found.study) == ("1.2.3.4", "1.2.3", "1.2")
    assert found.sop_class == uid.ComputedRadiographyImageStorage
    assert found.size_hw == (48, 40)


def test_patient_and_study_modules() -> None:
    patient = known(**{**PERSON, "PatientBirthDate": "19500228"}).patient
    assert (patient.name, patient.patient_id, patient.birth_date) == ("INVENTED^PERSON", "INV7", "19500228")
    assert (patient.sex, patient.study_date, patient.study_time) == ("F", "20260102", "030405.5")
    assert (patient.study_id, patient.accession_number) == ("S1", "A1")
    assert patient.referring_physician == "OTHER^DOCTOR"


def test_nothing_shows_a_person() -> None:
    found = known(**PERSON)
    film = Radiograph.read(written(dataset(RAMP, **UIDS, **PERSON)))
    for shown in (repr(found), str(found), repr(found.patient), repr([found]), repr(vars(film))):
        assert not any(word in shown for word in ("INVENTED", "INV7", "DOCTOR", "1.2.3"))


@pytest.mark.parametrize(
    "tags",
    [
        {"StudyInstanceUID": None},
        {"SeriesInstanceUID": ""},
        {"SOPInstanceUID": "1.2.x"},
        {"SOPInstanceUID": "1.02"},
        {"SOPInstanceUID": "1"},
        {"SOPInstanceUID": "1." + "2" * 64},
        {"SOPClassUID": "1.2.3"},
    ],
    ids=str,
)
def test_source_that_cannot_be_referenced(tags: dict[str, Any]) -> None:
    ds = dataset(RAMP, **UIDS)
    for keyword, value in tags.items():
        if value is None:
            del ds[keyword]
        else:
            # As text without limits: pydicom would refuse to write some of these.
            ds.add_new(keyword, "UT", value)
    assert read_origin(written(ds, preamble=False)) is None


@pytest.mark.parametrize(
    ("keyword", "field", "value"),
    [
        ("PatientBirthDate", "birth_date", "19500230"),
        ("StudyDate", "study_date", "INVENTED"),
        ("StudyTime", "study_time", "250000"),
        ("PatientSex", "sex", "INVENTED"),
        ("PatientID", "patient_id", "9" * 65),
        ("AccessionNumber", "accession_number", "9" * 17),
        ("PatientName", "name", "^".join("ABCDEF")),
        ("PatientName", "name", "=".join("ABCD")),
    ],
)
def test_what_does_not_fit_is_left_out_never_cut(keyword: str, field: str, value: str) -> None:
    ds = dataset(RAMP, **UIDS)
    ds.add_new(keyword, "UT", value)
    found = read_origin(written(ds))
    assert found is not None
    assert getattr(found.patient, field) == ""


ESCAPED = {
    # PS3.5 annex H.3.1 and H.3.2 (Japanese), I.2 (Korean), K.2 (Chinese in GB 2312), as the standard's octets.
    "japanese": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "japanese-katakana": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "korean": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\373\363^\x1b$)C\321\316\324\327=\x1b$)C\310\253^\x1b$)C\261\346\265\277",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "chinese": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\325\305^\x1b$)A\320\241\266\253=",
        "Zhang^XiaoDong=张^小东=",
    ),
    "first-set-without-an-escape": (
        "ISO 2022 IR 100\\ISO 2022 IR 126",
        "Müller^Jérôme".encode("latin-1"),
        "Müller^Jérôme",
    ),
    "a-delimiter-takes-the-escape-back": (
        "ISO 2022 IR 100\\ISO 2022 IR 144",
        b"\x1b-L\xbb\xee\xda^J\xe9r\xf4me",
        "Люк^Jérôme",
    ),
    "misspelt": ("ISO-IR 100", "Müller".encode("latin-1"), "Müller"),
    "korean-alone": ("ISO 2022 IR 149", "홍^길동".encode("euc_kr"), "홍^길동"),
    "gbk": ("GBK", "王^小东".encode("gbk"), "王^小东"),
    "thai": ("ISO_IR 166", "สมชาย".encode("tis_620"), "สมชาย"),
}


def filed(tag: int, character_set: str, value: bytes) -> Origin:
    """The origin of a film with raw bytes in a text, which no writer of ours would write."""
    ds = dataset(RAMP, **{**UIDS, "PatientID": "INV7"})
    ds.add_new(tag, "UN", value)
    data = written(ds)
    named = character_set.encode() + b" " * (len(character_set) % 2)
    first = data.index(b"\x08\0\x16\0UI")
    data = data[:first] + b"\x08\0\x05\0CS" + len(named).to_bytes(2, "little") + named + data[first:]
    found = read_origin(data)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 192", "Wang^小东=王^小东"),
        ("GB18030", "王^小东"),
        ("ISO_IR 144", "Люкceмбypг"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
    ids=lambda value: str(value)[:14],
)
def test_names_in_their_character_sets(character_set: Any, name: str) -> None:
    found = known(SpecificCharacterSet=character_set, PatientName=name)
    assert (found.patient.name, found.unread) == (name, "")


@pytest.mark.parametrize(("character_set", "value", "name"), ESCAPED.values(), ids=ESCAPED.keys())
def test_names_in_several_character_sets(character_set: str, value: bytes, name: str) -> None:
    found = filed(0x0010_0010, character_set, value)
    assert (found.patient.name, found.unread) == (name, "")


@pytest.mark.parametrize(
    ("tag", "field"),
    [(0x0010_0020, "patient_id"), (0x0008_0050, "accession_number"), (0x0020_0010, "study_id")],
)
def test_every_text_that_is_filed_by_is_decoded_alike(tag: int, field: str) -> None:
    found = filed(tag, "\\ISO 2022 IR 149", b"\x1b$)C\310\253-7")
    assert (getattr(found.patient, field), found.unread) == ("홍-7", "")


@pytest.mark.parametrize(
    ("character_set", "value"),
    [
        ("", "Müller".encode("latin-1")),
        ("", "Müller".encode()),
        ("ISO_IR 192", "Müller".encode("latin-1")),
        ("ISO_IR 999", "Müller".encode("latin-1")),
        ("\\ISO 2022 IR 149", b"\x1b$)Z\310\253"),
        ("\\ISO 2022 IR 87", b"\x1b$B;3E\x1b(B"),
        ("ISO_IR 126", b"\xff\xff"),
    ],
    ids=["none-named", "none-named-utf-8", "not-utf-8", "unknown-set", "unknown-escape", "half-a-pair", "no-such-code"],
)
def test_what_cannot_be_decoded_is_told(character_set: str, value: bytes) -> None:
    # It was once guessed, or decoded with other characters in place of the right ones.
    found = filed(0x0010_0010, character_set, value)
    assert (found.patient.name, found.unread) == ("", "name")


def test_control_characters_go() -> None:
    ds = dataset(RAMP, **UIDS)
    ds.add_new(0x0010_0020, "UT", "A\x1b[31mB\x07\\C")
    found = read_origin(written(ds))
    assert found is not None
    assert found.patient.patient_id == "A[31mBC"


def test_undecodable_text_is_left_out() -> None:
    data = written(dataset(RAMP, **UIDS, SpecificCharacterSet="ISO_IR 192", PatientName="INVENTED"))
    found = read_origin(data.replace(b"INVENTED", b"INV\xff\xfeTED"))
    assert found is not None
    assert (found.patient.name, found.unread) == ("", "name")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_damaged_or_other_files_have_none(share: float) -> None:
    data = written(dataset(np.zeros((48, 40), dtype=np.uint16), **UIDS))
    assert read_origin(data[: int(share * data.index(b"\xe0\x7f\x10\x00"))]) is None
    assert read_origin(b"\x89PNG\r\n\x1a\n" + bytes(200)) is None
    assert read_origin(b"") is None


def test_shared_films_can_be_referenced(shared: Path) -> None:
    files = sorted((shared / "dicom" / "chest").glob("*.dcm"))
    assert sum(read_origin(path.read_bytes()) is not None for path in files) >= 12
