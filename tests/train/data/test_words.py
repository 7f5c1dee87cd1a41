"""Splits, labels, sentences, tables and boxes: the small parts under every adapter."""

from pathlib import Path

import pytest

from lofi.errors import BadQuery
from train.data import splits
from train.data.labels import canonical, labels
from train.data.regions import boxed, from_xywh, on_film, side_of
from train.data.request import Tally
from train.data.sentences import split, usable
from train.data.tables import decoded, number, table


def test_hashed_split_has_its_shares_and_never_changes() -> None:
    parts = [splits.hashed(f"nih-{number:05d}") for number in range(20_000)]
    assert parts.count("test") / 20_000 == pytest.approx(0.1, abs=0.01)
    assert parts.count("val") / 20_000 == pytest.approx(0.1, abs=0.01)
    assert splits.fraction("nih-00072") == pytest.approx(0.855518, abs=1e-6), "published splits would move"


def test_validation_is_carved_from_train_alone() -> None:
    parts = [splits.carved("train", f"p{number}") for number in range(20_000)]
    assert set(parts) == {"train", "val"}
    assert parts.count("val") / 20_000 == pytest.approx(0.1, abs=0.01)
    assert {splits.carved("test", f"p{number}") for number in range(100)} == {"test"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("train", "train"), (" Validate ", "val"), ("dev", "val"), ("validation", "val"), ("TEST", "test"), ("fold", "")],
)
def test_official_names(name: str, expected: str) -> None:
    assert splits.official(name) == expected


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Pleural Effusion", "Effusion"),
        ("pleural_thickening", "Pleural_Thickening"),
        ("Infiltrate", "Infiltration"),
        ("Lung Opacity", "Lung Opacity"),
        ("enlarged cardiac silhouette", "Cardiomegaly"),
        ("No finding", "No Finding"),
        ("Rib fracture", "Rib fracture"),
        ("", ""),
        (None, ""),
        (["x"], ""),
    ],
    ids=str,
)
def test_labels_meet_the_lexicon(name: object, label: str) -> None:
    assert canonical(name) == label


def test_no_finding_stands_alone() -> None:
    assert labels(["No Finding", "Mass", "mass"]) == ("Mass",)
    assert labels(["normal", "No Finding", ""]) == ("No Finding",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (None, []),
        ("One. Two.", ["One.", "Two."]),
        ("It is 1.6 cm wide. No mass", ["It is 1.6 cm wide.", "No mass"]),
        ("1. Effusion.\n2. Mass.", ["Effusion.", "Mass."]),
        ("Impression: 1. Effusion. 2. Mass.", ["Effusion.", "Mass."]),
        ("The ward was called at 3 p.m. Today.", ["The ward was called at 3 p.m.", "Today."]),
        ("It measures 2. 5 mm more.", ["It measures 2.", "5 mm more."]),
        ("Line one\n\nline two", ["Line one", "line two"]),
        ("Seen\u202e backwards.", ["Seen backwards."]),
    ],
    ids=[
        "empty",
        "none",
        "two",
        "decimal",
        "numbered lines",
        "numbered in line",
        "time of day",
        "no number",
        "lines",
        "bidirectional",
    ],
)
def test_reports_are_cut_into_sentences(text: object, expected: list[str]) -> None:
    assert split(text) == expected


def test_usable_sentences() -> None:
    tally = Tally()
    given = ["Clear lungs.", "Clear lungs.", "Since ___.", "XXXX XXXX.", "[**Date**] film.", "1.", "", None, 4]
    assert usable(given, tally) == ("Clear lungs.",)
    assert tally.dropped_sentences == {"a gap left by de-identification": 3, "no word in it": 4}


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ([50, 20, 100, 40], (0.25, 0.2, 0.5, 0.4)),
        ((-20, 0, 180, 100), (0.0, 0.0, 0.9, 1.0)),
        (["50", "20", "100", "40"], (0.25, 0.2, 0.5, 0.4)),
        ([150, 50, 251, 101], None),
        ([0, 0, 0, 1], None),
        ("1234", None),
        ({"x": 1}, None),
        ([[1], 2, 3, 4], None),
        ([float("inf"), 0, 1, 1], None),
    ],
    ids=["inside", "over the edge", "text numbers", "mostly outside", "flat", "text", "object", "nested", "infinite"],
)
def test_boxes_on_a_film_of_200_by_100(corners: object, expected: tuple[float, ...] | None) -> None:
    tally = Tally()
    assert on_film(corners, (200, 100), tally) == expected
    assert tally.dropped_boxes.total() == (expected is None)


def test_a_film_without_a_size_has_no_boxes() -> None:
    assert on_film([1, 1, 2, 2], (0, 100), Tally()) is None


def test_xywh_is_not_xyxy() -> None:
    assert from_xywh([50, 20, 100, 40], (200, 100), Tally()) == (0.25, 0.2, 0.75, 0.6)


@pytest.mark.parametrize(
    ("box", "side"),
    [
        ((0.1, 0.0, 0.4, 1.0), "right"),
        ((0.6, 0.0, 0.9, 1.0), "left"),
        ((0.3, 0.0, 0.7, 1.0), ""),
        ((0.3, 0.0, 0.55, 1.0), "right"),
        ((0.0, 0.0, 1.0, 1.0), ""),
    ],
    ids=["picture's left", "picture's right", "midline", "three quarters", "whole film"],
)
def test_the_patients_right_is_the_pictures_left(box: tuple[float, float, float, float], side: str) -> None:
    assert side_of(box) == side


def test_unsided_labels_and_anatomy_have_no_side() -> None:
    box = (0.1, 0.1, 0.2, 0.2)
    assert boxed("cardiomegaly", "Cardiomegaly", box, Tally()).side == ""
    assert boxed("right lung", "right lung", box, Tally(), "anatomy").side == ""
    assert boxed("mass", "Mass", box, Tally()).side == "right"


@pytest.mark.parametrize("phrase", ["left mass", "Bilateral: right and left.", "upright film"], ids=str)
def test_only_a_contradiction_of_sides_is_noted(phrase: str) -> None:
    tally = Tally()
    boxed(phrase, "Mass", (0.1, 0.1, 0.2, 0.2), tally)
    assert tally.notes.total() == (phrase == "left mass")


def test_table_of_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('Image  Index,Note\r\na, "Cœur"\r\n,\r\nb\r\nc,d,e\r\n'.encode("cp1252"))
    assert list(table(path, ["image index"])) == [
        {"image index": "a", "note": '"Cœur"'},
        {"image index": "b", "note": ""},
        {"image index": "c", "note": "d"},
    ]


@pytest.mark.parametrize("data", [b"", b"other\n1\n", b"\x00\x01\xff"], ids=["empty", "other columns", "bytes"])
def test_tables_without_the_columns_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(BadQuery, match="lacks the columns image"):
        list(table(path, ["image"]))


def test_encodings_and_numbers() -> None:
    assert decoded("é".encode("utf-8-sig")) == decoded("é".encode("cp1252")) == decoded("é".encode("utf-16")) == "é"
    assert (number("1.5"), number("nan"), number(""), number(None)) == (1.5, None, None, None)
