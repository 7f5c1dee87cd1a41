"""Search, fetch and store against a real archive."""

from pathlib import Path

import pytest

from lofi.archive import Archive, FilmLine, Place, Query
from lofi.archive.session import GONE, REFUSED
from lofi.errors import BadQuery, LofiError
from tests.archive.orthanc import ROOT, Peer, radiograph


def test_a_search_by_date_modality_and_numbers_finds_what_it_should(peer: Peer) -> None:
    def found(**words: str) -> list[str]:
        return [line.study.removeprefix(f"{ROOT}.") for line in peer.archive.studies(Query.of(**words))]

    assert found(since="2022-01-01") == ["4", "3", "2"]
    assert found(since="2022-01-01", until="2023-01-01") == ["2"]
    assert found(accession="ACC3", modality="cr") == ["3"]
    assert found(accession="ACC3", modality="DX") == []
    assert found(patient="P-2") == ["4"]


def test_a_study_tells_of_its_patient_to_whoever_asks_and_in_no_repr(peer: Peer) -> None:
    line = peer.archive.study(f"{ROOT}.2")
    assert (line.name, line.patient, line.date, line.images) == ("Doe^Jane", "P-1", "20220202", 1)
    assert line.modalities == ("CR",)
    assert "Doe" not in repr(line)


def test_priors_are_of_the_same_patient_alone(peer: Peer) -> None:
    line = peer.archive.study(f"{ROOT}.2")
    assert [prior.study for prior in peer.archive.priors(line, 4)] == [f"{ROOT}.3", f"{ROOT}.1"]
    assert peer.archive.priors(peer.archive.study(f"{ROOT}.4"), 4) == ()


def test_a_film_comes_as_the_file_that_was_stored(peer: Peer, film_file: Path) -> None:
    (film,) = peer.archive.films(f"{ROOT}.1")
    assert (film.view, film.part) == ("PA", "CHEST")
    assert peer.archive.fetch(film) == radiograph(film_file, 1, "20200101")


def test_what_is_not_there_is_told(peer: Peer) -> None:
    with pytest.raises(LofiError, match="no such study"):
        peer.archive.study("1.2.3")
    with pytest.raises(LofiError, match=GONE):
        peer.archive.fetch(FilmLine(f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.9"))
    assert not peer.archive.has(f"{ROOT}.1", "1.2.3")
    assert peer.archive.has(f"{ROOT}.1", f"{ROOT}.1.1.1")


def test_a_wrong_password_is_told(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "user").write_text("reader:wrong")
    address = peer.setting.partition(" ")[0]
    with pytest.raises(LofiError, match=REFUSED):
        Archive(Place.of(f"{address} file:{tmp_path / 'user'}")).study(f"{ROOT}.1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, "Say which studies"),
        ({"modality": "CR"}, "Say which studies"),
        ({"since": "31.1.2026"}, "A date is written"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "ends before it begins"),
        ({"patient": "P*"}, "without"),
        ({"accession": "1" * 17}, "at most 16"),
        ({"accession": "1", "modality": "CR&x=1"}, "short word"),
    ],
)
def test_a_search_that_cannot_be_is_refused(words: dict[str, str], told: str) -> None:
    with pytest.raises(BadQuery, match=told):
        Query.of(**words)
