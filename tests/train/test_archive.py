"""A gallery from a real archive: films and their report's text, nothing of the patient."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from lofi.archive import Query
from lofi.errors import BadQuery
from lofi.export.source import as_file
from lofi.film.radiograph import Radiograph
from tests.archive.conftest import peer as peer
from tests.archive.orthanc import ROOT, Peer, radiograph
from train.indexing.archive import fetched


def report(text: str) -> bytes:
    """A basic text report in the tests' first study."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.11", f"{ROOT}.1.2.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.1.2"
    made.PatientID, made.PatientName, made.Modality, made.ValueType = "P-1", "Doe^Jane", "SR", "CONTAINER"
    item = Dataset()
    item.ValueType, item.RelationshipType, item.TextValue = "TEXT", "CONTAINS", text
    made.ContentSequence = [item]
    return as_file(made)


def test_films_come_with_their_report_and_without_their_patient(peer: Peer, tmp_path: Path, film_file: Path) -> None:
    peer.archive.store([report("Heart enlarged.")])
    studies = fetched(peer.archive, Query.of(until="2023-12-31"), tmp_path, None, quiet=True)
    assert sorted((study.report, study.view, study.sex) for study in studies) == [
        ("", "PA", "F"),
        ("Heart enlarged.", "PA", "F"),
    ]
    assert len({study.patient_key for study in studies}) == 1
    known = Radiograph.read(radiograph(film_file, 1, "20200101"))
    for study in studies:
        data = (tmp_path / study.image).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert abs(Radiograph.read(data).pixels - known.pixels).max() < 1e-4
        for secret in ("Doe", "P-1", ROOT):
            assert secret.encode() not in data
            assert secret not in repr(study)
    assert len(fetched(peer.archive, Query.of(until="2023-12-31"), tmp_path, 1, quiet=True)) == 1


def test_no_film_is_told(peer: Peer, tmp_path: Path) -> None:
    with pytest.raises(BadQuery, match="gave no film"):
        fetched(peer.archive, Query.of(until="1999-12-31"), tmp_path, None, quiet=True)
