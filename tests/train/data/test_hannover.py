from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture, write_csv
from train.data.splits import hashed

Run = Any
COLUMNS = [
    *("patient_id", "image_id", "sex", "age", "size", "weight", "admission_offset"),
    *("modality", "projection", "crp_offset", "crp_val"),
]
FILMS = (("c62c878a", "0a7faa2a", "m", "pa"), ("c62c878a", "b39f5cf9", "m", "ap"), ("f602d0dc", "a8ac1969", "f", "pa"))


def hannover(root: Path, *more: tuple[str, str, str, str]) -> Path:
    rows = [
        (patient, image, sex, "", "", "", 0, "CR", view, 0.0, "-inf") for patient, image, sex, view in (*FILMS, *more)
    ]
    write_csv(root / "data.csv", COLUMNS, rows)
    for number, (_, image, _, _) in enumerate(FILMS):
        picture(root / "png" / f"{image}.png", seed=number)
    return root


def test_films_and_patients(convert: Run, tmp_path: Path) -> None:
    records, tally = convert("hannover", hannover(tmp_path / "set"))
    first, second, third = records
    assert (first["patient_id"], first["source"], first["findings"]) == ("han-c62c878a", "hannover_covid", ["COVID-19"])
    assert (first["view"], second["view"], third["view"]) == ("PA", "AP", "PA")
    assert (first["sex"], third["sex"], first["age"]) == ("M", "F", "")
    assert first["split"] == second["split"] == hashed("han-c62c878a")
    assert (tally.films, len(tally.patients)) == (3, 2)


def test_missing_and_unreadable_parts(convert: Run, tmp_path: Path) -> None:
    more = (("ff488d3e", "90986ce4", "f", "pa"), ("ff488d3e", "../90986ce4", "f", "pa"), ("", "90986ce4", "f", "pa"))
    root = hannover(tmp_path / "set", *more)
    (root / "png" / "b39f5cf9.png").write_bytes(b"no film")
    _, tally = convert("hannover", root)
    assert tally.dropped == {
        "the film's file is missing": 1,
        "the film's file cannot be read": 1,
        "a row without a patient or a film": 2,
    }
    (root / "data.csv").unlink()
    with pytest.raises(BadQuery, match=r"data\.csv"):
        convert("hannover", root)
