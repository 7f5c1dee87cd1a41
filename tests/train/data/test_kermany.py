from pathlib import Path
from typing import Any

import pytest

from lofi.errors import BadQuery
from tests.train.data.sets import picture
from train.data.splits import carved, hashed

Run = Any
KAGGLE = (
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-1163-0001-0002.jpeg",
    "train/PNEUMONIA/person3_bacteria_10.jpeg",
    "train/PNEUMONIA/person25_virus_59.jpeg",
    "train/PNEUMONIA/person25_bacteria_60.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/PNEUMONIA/person3_virus_15.jpeg",
)


def kermany(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        picture(root / name, seed=number)
    return root


@pytest.mark.parametrize("folder", ["", "chest_xray", "CellData/chest_xray"])
def test_findings_patients_and_split(convert: Run, tmp_path: Path, folder: str) -> None:
    records, _ = convert("kermany", kermany(tmp_path / "set", *(f"{folder}/{name}".strip("/") for name in KAGGLE)))
    found = {record["study"]: record for record in records}
    assert len(found) == len(KAGGLE)
    normal, ill = found["NORMAL2-IM-1163-0001-0002"], found["person25_virus_59"]
    assert (normal["patient_id"], normal["findings"]) == ("kermany-NORMAL2-IM-1163", ["No Finding"])
    assert (ill["patient_id"], ill["findings"], ill["view"]) == ("kermany-person25-virus", ["Pneumonia"], "AP")
    assert {record["source"] for record in records} == {"kermany_pneumonia"}
    assert ill["split"] == found["person25_bacteria_60"]["split"] == carved("train", "person25")
    assert found["person1946_bacteria_4874"]["split"] == carved("train", "person1946")
    assert found["person3_virus_15"]["split"] == found["person3_bacteria_10"]["split"] == "test"


def test_names_of_mendeley_and_hashed_split(convert: Run, tmp_path: Path) -> None:
    names = ("train/PNEUMONIA/BACTERIA-40699-0001.jpeg", "train/PNEUMONIA/BACTERIA-40699-0002.jpeg")
    root = kermany(tmp_path / "set", *names, "test/NORMAL/NORMAL-11419-0001.jpeg")
    records, _ = convert("kermany", root, hashed=True)
    assert [record["patient_id"] for record in records] == [*["kermany-BACTERIA-40699"] * 2, "kermany-NORMAL-11419"]
    assert [record["split"] for record in records] == [*[hashed("BACTERIA-40699")] * 2, hashed("NORMAL-11419")]


def test_unreadable_tiny_and_nameless_films(convert: Run, tmp_path: Path) -> None:
    root = kermany(tmp_path / "set", *KAGGLE[:2], "train/NORMAL/scan.jpeg")
    (root / KAGGLE[1]).write_bytes(b"no film")
    (root / "train/NORMAL/._IM-0115-0001.jpeg").write_bytes(b"left by another system")
    picture(root / "test/NORMAL/IM-0001-0001.jpeg", (400, 100))
    records, tally = convert("kermany", root)
    assert [record["study"] for record in records] == ["IM-0115-0001"]
    assert tally.dropped == {
        "a file name that tells no patient": 1,
        "the film's file cannot be read": 1,
        "shorter side below 128 pixels": 1,
    }


def test_empty_folder_is_refused(convert: Run, tmp_path: Path) -> None:
    with pytest.raises(BadQuery, match="train/NORMAL"):
        convert("kermany", tmp_path)
