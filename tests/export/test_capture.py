"""The picture as a DICOM secondary capture: a valid object, in the study of its film, of the patient if asked."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lofi.export import IDENTIFIED, write
from tests.archive.orthanc import ROOT, radiograph
from tests.export import cases
from tests.export.cases import Judge


def test_the_picture_is_the_png_filed_beside_its_film(film_file: Path, judge: Judge) -> None:
    case = cases.reviewed(cases.of_file(radiograph(film_file, 1, "20200101")))
    data = write(case, "sc", identified=True).data
    assert judge(data) == []
    made = cases.parsed(data)
    assert (made.StudyInstanceUID, made.PatientID, made.OperatorsName) == (f"{ROOT}.1", "P-1", "AB^")
    assert (made.BurnedInAnnotation, made.SourceImageSequence[0].ReferencedSOPInstanceUID) == ("YES", f"{ROOT}.1.1.1")
    with Image.open(io.BytesIO(write(case, "png").data)) as picture:
        assert np.array_equal(made.pixel_array, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("kind", IDENTIFIED)
def test_every_object_names_who_had_it_made(film_file: Path, judge: Judge, kind: str) -> None:
    case = cases.of_file(radiograph(film_file, 1, "20200101"), initials="cd")
    data = write(case, kind, identified=True).data
    assert judge(data) == []
    made = cases.parsed(data)
    by = made.ParticipantSequence[0].PersonName if kind == "sr" else made.OperatorsName
    assert (str(by), made.SeriesDate) == ("CD^", case.made_at.astimezone().strftime("%Y%m%d"))


def test_nobody_is_named_unless_asked(film_file: Path, judge: Judge) -> None:
    data = write(cases.of_file(radiograph(film_file, 1, "20200101")), "sc").data
    assert judge(data) == []
    assert b"Doe" not in data
    assert b"P-1" not in data


def test_a_film_that_is_no_dicom_has_a_picture_too(judge: Judge) -> None:
    written = write(cases.case(), "sc")
    assert written.media_type == "application/dicom"
    assert judge(written.data) == []
