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
    assert known(SpecificCharacterSet=character_set, PatientName=name).patient.name == name


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
    assert found.patient.name == ""


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_damaged_or_other_files_have_none(share: float) -> None:
    data = written(dataset(np.zeros((48, 40), dtype=np.uint16), **UIDS))
    assert read_origin(data[: int(share * data.index(b"\xe0\x7f\x10\x00"))]) is None
    assert read_origin(b"\x89PNG\r\n\x1a\n" + bytes(200)) is None
    assert read_origin(b"") is None


def test_shared_films_can_be_referenced(shared: Path) -> None:
    files = sorted((shared / "dicom" / "chest").glob("*.dcm"))
    assert sum(read_origin(path.read_bytes()) is not None for path in files) >= 12
