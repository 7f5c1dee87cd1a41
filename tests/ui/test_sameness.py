"""The page learns which films are one patient's and how far apart, and neither who nor when."""

import pytest

from lofi.film.origin import Origin, Patient
from lofi.ui.sameness import ROUND, Sameness

ANNA = Patient(patient_id="INV-7", birth_date="19500228", sex="F", study_date="20260102")


def origin(patient: Patient) -> Origin:
    return Origin("a" * 64, "1.2", "1.3", "1.4", "1.5", (8, 8), patient)


def at(date: str, **other: str) -> Origin:
    known = {"patient_id": "INV-7", "birth_date": "19500228", "sex": "F", **other}
    return origin(Patient(**known, study_date=date))


def test_two_films_of_one_patient_are_days_apart() -> None:
    sameness = Sameness()
    first, second = sameness.of(at("20251129")), sameness.of(at("20260102"))
    assert first is not None
    assert second is not None
    assert first["patient"] == second["patient"]
    assert (second["day"] - first["day"]) % ROUND == 34
    undated = sameness.of(at(""))
    assert undated == {"patient": first["patient"], "day": None}


@pytest.mark.parametrize(
    "other", [{"patient_id": "INV-8"}, {"birth_date": "19500301"}, {"sex": "M"}], ids=["id", "birth", "sex"]
)
def test_an_id_alone_makes_nobody_the_same(other: dict[str, str]) -> None:
    sameness = Sameness()
    one, another = sameness.of(at("20260102")), sameness.of(at("20260102", **other))
    assert one is not None
    assert another is not None
    assert one["patient"] != another["patient"]
    assert one["day"] != another["day"]  # each counts from a beginning of its own


@pytest.mark.parametrize("word", ["", "0", "0000", "ANONYMOUS", "anon", "Anonymized", "UNKNOWN", "---", "N/A"])
def test_what_de_identified_files_share_names_nobody(word: str) -> None:
    assert Sameness().of(at("20260102", patient_id=word)) is None


def test_nothing_of_the_patient_is_told_and_another_start_tells_another_word() -> None:
    one, another = Sameness().of(origin(ANNA)), Sameness().of(origin(ANNA))
    assert one is not None
    assert another is not None
    assert one["patient"] != another["patient"]
    assert one["day"] != another["day"]
    assert not any(word in f"{one} {Sameness()!r}" for word in ("INV", "1950", "2026"))
