from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from tests.train.data.sets import picture
from train.data.splits import hashed

Run = Any
NODULES = (
    "JPCLN001.IMG\t5\t16.8\t53\tmale\t1536\t512\tmalignant\tl.upper lobe\tlung cancer\t\t\n"
    "JPCLN002.IMG\t3\t?\t?\tfemale\t300\t400\tbenign\tr.middl e lobe(S4)\tpulmonary hematoma"
    "JPCLN003.IMG\t1\t14\t70\tfemale\t400\t1400\tmalignant\tright l ung\tlung cancer\r"
)
PLAIN = "JPCNN001.IMG  37  female  non-nodule\r\nJPCNN002.IMG  ?  male  non-nodule\r\n"


def mask(path: Path, corners: tuple[int, int, int, int], size_wh: tuple[int, int] = (256, 128)) -> None:
    """A mask of SCR, here not square, white between the corners."""
    x0, y0, x1, y1 = corners
    drawn = np.zeros(size_wh[::-1], np.uint8)
    drawn[y0:y1, x0:x1] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn).save(path)


def jsrt(root: Path) -> Path:
    """Tables as published, films as PNG."""
    (root / "Clinical_Information").mkdir(parents=True)
    (root / "Clinical_Information" / "CLNDAT_EN.txt").write_bytes(NODULES.encode())
    (root / "Clinical_Information" / "CNNDAT_EN.TXT").write_bytes(PLAIN.encode())
    for number, name in enumerate(("JPCLN001", "JPCLN002", "JPCLN003", "JPCNN001", "JPCNN002")):
        picture(root / "All247images" / f"{name}.png", (256, 256), seed=number)
    return root


def test_nodules_words_and_patients(convert: Run, tmp_path: Path) -> None:
    records, tally = convert("jsrt", jsrt(tmp_path / "set"))
    first, second, third, plain, _ = records
    nodule = first["boxes"][0]
    half = 16.8 / 0.175 / 2 / 2048
    assert nodule["box"] == pytest.approx([0.75 - half, 0.25 - half, 0.75 + half, 0.25 + half], abs=1e-6)
    assert (nodule["phrase"], nodule["side"], nodule["quality"]) == ("nodule", "left", "inferred")
    assert [record["report"] for record in records] == [
        "16.8 mm nodule in the left upper lobe.",
        "Nodule in the right middle lobe.",
        "14 mm nodule in the right lung.",
        *["No nodule."] * 2,
    ]
    assert (first["age"], first["sex"], second["age"], plain["age"], plain["sex"]) == ("53", "M", "", "37", "F")
    assert (plain["findings"], plain["absent"], third["findings"]) == ([], ["Nodule"], ["Nodule"])
    assert [record["split"] for record in records] == [hashed(record["patient_id"]) for record in records]
    assert first["patient_id"] == "jsrt-JPCLN001"
    assert tally.dropped_boxes == {"a nodule whose size or place is not told": 1}
    assert tally.notes == {"no mask of SCR below the root: no boxes of organs": 1}


def test_organs_are_named_by_where_they_lie(convert: Run, tmp_path: Path) -> None:
    root = jsrt(tmp_path / "set")
    scr = root / "scratch"
    mask(scr / "fold1" / "masks" / "right lung" / "JPCLN001.gif", (32, 16, 96, 112))
    mask(scr / "fold1" / "masks" / "heart" / "JPCLN001.gif", (112, 64, 176, 96))
    mask(scr / "fold2" / "masks" / "right clavicle" / "JPCNN001.gif", (160, 8, 224, 16))
    mask(scr / "fold2" / "masks" / "heart" / "JPCNN001.gif", (0, 0, 0, 0))
    (scr / "fold2" / "masks" / "left lung").mkdir()
    (scr / "fold2" / "masks" / "left lung" / "JPCNN001.gif").write_bytes(b"no picture")
    records, tally = convert("jsrt", root)
    found = [[(box["phrase"], box["label"], box["kind"], box["box"]) for box in record["boxes"]] for record in records]
    assert found[0][:2] == [
        ("right lung", "Right Lung", "anatomy", [0.125, 0.125, 0.375, 0.875]),
        ("heart", "Heart", "anatomy", [0.4375, 0.5, 0.6875, 0.75]),
    ]
    assert found[3] == [("left clavicle", "Left Clavicle", "anatomy", [0.625, 0.0625, 0.875, 0.125])]
    assert tally.notes == {"mask on the other side than its folder names: named by where it lies": 1}
    assert (tally.dropped_boxes["an empty mask"], tally.dropped_boxes["a mask that cannot be read"]) == (1, 1)


def test_a_film_as_published_becomes_a_picture(convert: Run, tmp_path: Path) -> None:
    root = jsrt(tmp_path / "set")
    samples = np.full((2048, 2048), 4095, ">u2")
    samples[:512, 1024:] = 100
    (root / "All247images" / "JPCLN001.png").unlink()
    (root / "All247images" / "JPCLN001.IMG").write_bytes(samples.tobytes())
    (root / "All247images" / "JPCNN002.png").unlink()
    (root / "All247images" / "JPCNN002.IMG").write_bytes(b"cut off")
    records, tally = convert("jsrt", root)
    assert (records[0]["image"], records[0]["width"], records[0]["height"]) == ("films/JPCLN001.png", 2048, 2048)
    pixels = np.asarray(Radiograph.read(tmp_path / "records of it" / "films" / "JPCLN001.png").pixels)
    assert pixels[100, 1500] > pixels[100, 500] == pixels[1000, 1500]
    assert not list(root.rglob("*.partial"))
    assert tally.dropped == {"the film's file cannot be read": 1}


def test_missing_parts(convert: Run, tmp_path: Path) -> None:
    root = jsrt(tmp_path / "set")
    (root / "All247images" / "JPCLN002.png").unlink()
    assert convert("jsrt", root)[1].dropped == {"the film's file is missing": 1}
    (root / "Clinical_Information" / "CNNDAT_EN.TXT").unlink()
    with pytest.raises(BadQuery, match="CNNDAT_EN"):
        convert("jsrt", root)
