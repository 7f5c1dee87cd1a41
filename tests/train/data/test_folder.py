from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture
from train.data.splits import hashed

Run = Any


def folder(
    root: Path,
    *rows: str,
    header: str = "file;report;labels;view;sex;age;patient",
    name: str = "reports.csv",
    encoding: str = "utf-8",
) -> Path:
    root.mkdir(exist_ok=True)
    for number in range(3):
        picture(root / f"film {number}.png", seed=number)
    (root / name).write_bytes("\n".join([header, *rows]).encode(encoding))
    return root


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_rows_become_records(convert: Run, tmp_path: Path, encoding: str) -> None:
    rows = [
        "film 0.png;Épanchement à droite. Cœur normal.;Pleural effusion|Mass;PA;F;67;Doe",
        "film 1.png;Normal.;normal;;;;Doe",
    ]
    records, _ = convert("folder", folder(tmp_path / "films", *rows, encoding=encoding))
    first, second = records
    assert first["sentences"] == ["Épanchement à droite.", "Cœur normal."]
    assert (first["findings"], second["findings"]) == (["Effusion", "Mass"], ["No Finding"])
    assert (first["view"], first["sex"], first["age"]) == ("PA", "F", "67")
    assert first["patient_id"] == second["patient_id"]
    assert first["split"] == second["split"] == hashed(first["patient_id"])
    assert "Doe" not in first["patient_id"]


def test_any_single_csv_will_do(convert: Run, tmp_path: Path) -> None:
    assert convert(
        "folder", folder(tmp_path / "films", "film 0.png;Clear.", name="anything.csv", header="file;report")
    )[0]


def test_hostile_rows_are_counted(convert: Run, tmp_path: Path) -> None:
    picture(tmp_path / "outside.png")
    rows = ["film 0.png;Clear.", "film 0.png;Again.", "gone.png;Gone.", "../outside.png;Outside.", "film 1.png;"]
    root = folder(tmp_path / "films", *rows, header="file;report")
    records, tally = convert("folder", root)
    assert [record["report"] for record in records] == ["Clear."]
    assert tally.dropped == {
        "the same film a second time": 1,
        "the film's file is missing": 2,
        "nothing is said of the film": 1,
    }


@pytest.mark.parametrize("count", [0, 2], ids=["none", "two"])
def test_the_csv_must_be_plain_to_see(convert: Run, tmp_path: Path, count: int) -> None:
    for number in range(count):
        (tmp_path / f"{number}.csv").write_text("file,report\n")
    with pytest.raises(BadQuery, match=r"reports\.csv"):
        convert("folder", tmp_path)
