"""Cases made by hand, with numbers that can be checked by eye."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lofi.export import Case, GallerySource, Written
from lofi.film.origin import read_origin
from lofi.film.radiograph import Radiograph
from lofi.results import Grounding, Hit, ReportSentence, Study
from lofi.study.verdict import Decision, Verdict

Judge = Callable[[bytes], list[str]]
"""See the fixture ``judge``."""

FINGERPRINT = "0123456789abcdef" * 4
MADE_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
GALLERY = GallerySource("simulated", "fedcba9876543210" * 4, 72)
HOSTILE = {
    "formula": '=HYPERLINK("http://x","y")',
    "markup": "<script>alert(1)</script> & </Text> ]]>",
    "control": "left\x00\x07\x1b[31m\r\n\teffusion",
    "right-to-left": "left \u202etfel\u202c \u2067effusion\u2069 \u200f\u200e\ufeff",
    "surrogate": "left \ud800 effusion \ufffe",
    "long": "pleural effusion " * 625,
    "maths": r"$\frac{1}{2}$ \\ ^ = caret\backslash",
    "scripts": "胸水 胸腔積液 плевральный выпот انصباب جنبي 🫁",
    "nothing": "\u200b\u202e",
}


def film(size_hw: tuple[int, int] = (300, 200), view: str = "PA") -> Radiograph:
    """A grey slope with a bright square off the centre, so that a flip or a turn is seen."""
    height, width = size_hw
    pixels = np.tile(np.linspace(0.1, 0.6, width, dtype=np.float32), (height, 1))
    pixels[height // 10 : height // 5, width // 10 : width // 5] = 1.0
    return Radiograph.from_pixels(pixels, view=view)


def found(phrase: str = "left pleural effusion") -> Grounding:
    """Two boxes whose edges are whole pixels of a 300 × 200 film."""
    return Grounding(phrase, True, 0.8125, ((0.5, 0.6, 0.9, 0.8), (0.1, 0.2, 0.25, 0.5)), (0.75, 0.5))


def absent(phrase: str = "pneumothorax") -> Grounding:
    return Grounding(phrase, False, 0.04)


def hit(rank: int = 1, similarity: float = 0.9876, **study: Any) -> Hit:
    known = Study("s1", "Heart enlarged.", ("Cardiomegaly", "Effusion"), "PA", "simulated", "F", 61.0, simulated=True)
    return Hit(replace(known, **study), similarity, rank)


def case(**changes: Any) -> Case:
    """Two phrases, two hits and a draft, without a review."""
    whole = Case(
        film=film(),
        model="lofi-mini",
        fingerprint=FINGERPRINT,
        made_at=MADE_AT,
        gallery=GALLERY,
        groundings=(found(), absent()),
        hits=(hit(), hit(2, -0.25, study_id="s2", report="")),
        report=(ReportSentence("Left pleural effusion.", ((0.5, 0.6, 0.9, 0.8),), (0.75,)),),
    )
    return replace(whole, **changes)


def verdict(of: Case, kind: str, decision: Decision, **more: Any) -> Verdict:
    """One thing that reader AB said of ``of``."""
    return Verdict(of.film.sha256, "ab", of.fingerprint, kind, decision, **more)


def reviewed(of: Case | None = None) -> Case:
    """The first box moved to the upper left, the second rejected, a third added; one hit is not relevant."""
    plain = of or case()
    phrase = plain.groundings[0].phrase
    first, second = plain.groundings[0].boxes
    return replace(
        plain,
        verdicts=(
            verdict(plain, "box", Decision.MOVED, phrase=phrase, number=0, model_box=first, box=(0, 0, 0.25, 0.25)),
            verdict(plain, "box", Decision.REJECTED, phrase=phrase, number=1, model_box=second, score=0.5),
            verdict(plain, "box", Decision.ADDED, phrase=phrase, number=2, box=(0.7, 0.1, 0.8, 0.2)),
            verdict(plain, "hit", Decision.NOT_RELEVANT, hit="s2"),
            verdict(plain, "comment", Decision.COMMENTED, comment="Small, old."),
        ),
    )


def of_file(data: bytes, **changes: Any) -> Case:
    """A case of an uploaded file, with its origin where it has one."""
    return case(film=Radiograph.read(data), origin=read_origin(data), **changes)


def parts(written: Written) -> dict[str, bytes]:
    """The files of an archive by name; a file alone under its own."""
    if written.media_type != "application/zip":
        return {written.name: written.data}
    with zipfile.ZipFile(io.BytesIO(written.data)) as files:
        assert files.testzip() is None
        return {name: files.read(name) for name in files.namelist()}


def parsed(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def chest_files(shared: Path) -> list[Path]:
    """Real chest films in DICOM: MONOCHROME1 and 2, 8 to 16 bits, compressed and not, taller and wider."""
    return sorted((shared / "dicom" / "chest").glob("*.dcm"))
