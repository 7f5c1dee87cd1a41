"""CSV: one row a box, nothing that a spreadsheet would run."""

import csv
import io
from dataclasses import replace

import pytest

from lofi.export import NOTE, Case, write
from tests.export import cases


def rows(case: Case, kind: str = "csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(write(case, kind).data.decode("utf-8-sig"), newline="")))


def test_one_row_a_box_and_one_for_an_absent_phrase() -> None:
    found, second, absent = rows(cases.case())
    assert (found["phrase"], found["found"], found["confidence"]) == ("left pleural effusion", "yes", "0.8125")
    assert [found[name] for name in ("x0", "y0", "x1", "y1", "score")] == ["0.5", "0.6", "0.9", "0.8", "0.75"]
    # 0.1 of 200 columns, 0.2 of 300 rows, …
    pixels = [float(second[f"{name}_pixels"]) for name in ("x0", "y0", "x1", "y1")]
    assert pixels == [20, 60, 50, 150]
    assert (absent["phrase"], absent["found"], absent["x0"], absent["box"]) == ("pneumothorax", "no", "", "")


def test_every_row_says_where_it_comes_from() -> None:
    for row in [*rows(cases.case()), *rows(cases.case(), "hits-csv")]:
        assert row["model"] == "lofi-mini"
        assert row["checkpoint_sha256"] == cases.FINGERPRINT
        assert (row["gallery"], row["gallery_sha256"]) == ("simulated", cases.GALLERY.sha256)
        assert (row["made_at"], row["note"]) == ("2026-03-04T05:06:07Z", NOTE)
        assert row["film_sha256"] == cases.film().sha256


def test_review_is_in_the_rows() -> None:
    moved, rejected, added, _ = rows(cases.reviewed())
    assert [row["verdict"] for row in (moved, rejected, added)] == ["moved", "rejected", "added"]
    assert [row["drawn_by"] for row in (moved, rejected, added)] == ["AB", "model", "AB"]
    for row in (moved, added):  # nothing that the model said
        assert {row[name] for name in ("state", "found", "confidence", "score", "guess")} == {""}
    assert [moved[name] for name in ("x0", "y0", "x1", "y1")] == ["0.0", "0.0", "0.25", "0.25"]
    assert rejected["x0"] == "0.1"
    assert [row["box"] for row in (moved, rejected, added)] == ["1", "2", "3"]
    assert {row["reader"] for row in (moved, rejected, added)} == {"AB"}
    assert moved["comment"] == "Small, old."


def test_hits_one_a_row() -> None:
    first, second = rows(cases.reviewed(), "hits-csv")
    assert (first["rank"], first["similarity"], first["labels"]) == ("1", "0.9876", "Cardiomegaly; Effusion")
    # A negative number of ours is no formula and stays a number.
    assert float(second["similarity"]) == -0.25
    assert (first["verdict"], second["verdict"]) == ("", "not relevant")


@pytest.mark.parametrize("text", ["=1+1", "+1", "@SUM(A1)", " =1", "\t=1", "＝1", "\u200b=1", "|calc"])
def test_formulas_are_neutralised(text: str) -> None:
    hostile = replace(cases.case(), groundings=(cases.found(text),), hits=(cases.hit(report=text),))
    assert all(row["phrase"].startswith("'") for row in rows(hostile))
    assert all(row["report"].startswith("'") for row in rows(hostile, "hits-csv"))


@pytest.mark.parametrize("phrase", cases.HOSTILE.values(), ids=cases.HOSTILE.keys())
def test_hostile_text_stays_in_its_cell(phrase: str) -> None:
    hostile = replace(cases.case(), groundings=(cases.found(phrase),), hits=(cases.hit(report=phrase),))
    whole = [*rows(hostile), *rows(hostile, "hits-csv")]
    assert len(whole) == 3
    assert all(None not in row and None not in row.values() for row in whole)
    assert not any("\x00" in cell or "\u202e" in cell for row in whole for cell in row.values())


def test_nothing_asked_is_a_header() -> None:
    empty = cases.case(groundings=(), hits=None)
    assert rows(empty) == rows(empty, "hits-csv") == []
    assert write(empty, "csv").data.count(b"\n") == 1
