"""Two hundred generated films: syntax, polarity, depth, sign, tables and windows against the formula, and DCMTK."""

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lofi.film import dicom
from tests.film.test_dicom import dataset, written
from tests.film.test_frame import lossless_jpeg, stream_of
from tests.film.test_greyscale import table

LOSSLESS_JPEG = str(uid.JPEGLosslessSV1)
SYNTAXES = {
    "explicit": uid.ExplicitVRLittleEndian, "implicit": uid.ImplicitVRLittleEndian,
    "big": uid.ExplicitVRBigEndian, "deflated": uid.DeflatedExplicitVRLittleEndian, "rle": uid.RLELossless,
    "jpeg-lossless": LOSSLESS_JPEG, "jpeg-ls": uid.JPEGLSLossless, "jpeg-2000": uid.JPEG2000Lossless,
}  # fmt: skip
OPEN_TO_DCMTK = frozenset({"explicit", "implicit", "big", "deflated", "rle", "jpeg-lossless"})
NATIVE = frozenset({"explicit", "implicit", "big", "deflated"})
DEPTHS = ((8, 8), (16, 10), (16, 12), (16, 14), (16, 16))
SCALES = ("none", "rescale", "falling", "table")
WINDOWS = ("none", "linear", "exact", "sigmoid", "voi", "several", "broken")
HEIGHT, WIDTH = 36, 44
COUNT = 200


@dataclass(frozen=True)
class Variant:
    """How one film is written. ``above`` is what lies in the bits above the stored ones."""

    syntax: str
    photometric: str
    allocated: int
    bits: int
    signed: bool
    scale: str
    window: str
    above: str

    def __str__(self) -> str:
        sign = "signed" if self.signed else "unsigned"
        return f"{self.syntax}-{self.photometric[-1]}-{self.bits}-{sign}-{self.scale}-{self.window}-{self.above}"


def variants() -> list[Variant]:
    """COUNT of all that make sense, each value of each property about equally often."""
    every = [
        Variant(syntax, photometric, allocated, bits, signed, scale, window, above)
        for syntax, photometric, (allocated, bits), signed, scale, window, above in itertools.product(
            SYNTAXES, ("MONOCHROME1", "MONOCHROME2"), DEPTHS, (False, True), SCALES, WINDOWS, ("zero", "fill", "shift")
        )
        if above == "zero" or (bits < allocated and (above == "fill" or syntax in NATIVE))
    ]
    return [every[index] for index in np.random.default_rng(17).permutation(len(every))[:COUNT]]


def values_of(variant: Variant) -> np.ndarray:
    """(H, W) true stored values, from nearly the least to nearly the greatest of their bits."""
    top = 2**variant.bits
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    wave = (np.sin(rows / 5) * np.cos(columns / 7) + 1) / 2
    return np.round(0.02 * top + 0.95 * top * wave).astype(np.int64) - (top // 2 if variant.signed else 0)


def scaled(values: np.ndarray, variant: Variant) -> np.ndarray:
    """Modality: 2·v − 100, −v + 50, or a table that grows by the square root."""
    if variant.scale == "table":
        return np.array(table_of(variant))[values - values.min()].astype(float)
    return {"none": values, "rescale": 2 * values - 100, "falling": 50 - values}[variant.scale].astype(float)


def table_of(variant: Variant) -> list[int]:
    """Entries of the modality table, from the least value of the film on."""
    span = int(np.ptp(values_of(variant))) + 1
    return [round(4000 * (place / span) ** 0.5) for place in range(span)]


def shown(variant: Variant) -> np.ndarray:
    """What the standard says is shown, between the film's darkest and its brightest pixel."""
    units = scaled(values_of(variant), variant)
    center, width = window_of(variant)
    if variant.window in ("linear", "several"):
        picture = np.clip((units - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    elif variant.window == "exact":
        picture = np.clip((units - center) / width + 0.5, 0, 1)
    elif variant.window == "sigmoid":
        return polar(1 / (1 + np.exp(-4 * (units - center) / width)), variant)
    elif variant.window == "voi":
        first, _, entries = voi_of(variant)
        return polar(np.array(entries)[np.clip(units - first, 0, len(entries) - 1).astype(int)] / max(entries), variant)
    else:
        picture = units
    return polar((picture - picture.min()) / np.ptp(picture), variant)


def polar(picture: np.ndarray, variant: Variant) -> np.ndarray:
    return 1 - picture if variant.photometric == "MONOCHROME1" else picture


def window_of(variant: Variant) -> tuple[int, int]:
    """A window over the middle half of the film's units."""
    units = scaled(values_of(variant), variant)
    return round(float(units.min() + units.max()) / 2), round(float(np.ptp(units)) / 2)


def voi_of(variant: Variant) -> tuple[int, int, list[int]]:
    """First value, bits and entries of a VOI table over a part of the film's units, up to all that its bits hold."""
    units = scaled(values_of(variant), variant)
    span = min(int(np.ptp(units)), 3000)
    return max(int(units.min()), -32768), 12, [round(4095 * (place / span) ** 2) for place in range(span + 1)]


def stored(variant: Variant) -> np.ndarray:
    """The words of the file: masked, shifted or filled above."""
    kind = np.uint8 if variant.allocated == 8 else np.uint16
    words = values_of(variant) & (2**variant.bits - 1)
    if variant.above == "shift":
        words <<= variant.allocated - variant.bits
    if variant.above == "fill":
        words |= (2**variant.allocated - 1) & ~(2**variant.bits - 1)
    return words.astype(kind)


def film(variant: Variant) -> bytes:
    words = stored(variant)
    high = variant.allocated - 1 if variant.above == "shift" else variant.bits - 1
    tags: dict[str, Any] = {
        "PhotometricInterpretation": variant.photometric, "PixelRepresentation": int(variant.signed), "HighBit": high,
    }  # fmt: skip
    if variant.scale == "table":
        first = int(values_of(variant).min())
        tags["ModalityLUTSequence"] = sequence(first, 16, table_of(variant), variant)
        tags["ModalityLUTSequence"][0].ModalityLUTType = "US"
    elif variant.scale != "none":
        slope, intercept = (2, -100) if variant.scale == "rescale" else (-1, 50)
        tags |= {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "US"}
    center, width = window_of(variant)
    if variant.window == "voi":
        tags["VOILUTSequence"] = sequence(*voi_of(variant), variant)
    elif variant.window == "several":
        tags |= {"WindowCenter": [center, 7], "WindowWidth": [width, 9]}
    elif variant.window == "broken":
        tags |= {"WindowCenter": center, "WindowWidth": 0}
    elif variant.window != "none":
        tags |= {"WindowCenter": center, "WindowWidth": width}
        tags["VOILUTFunction"] = {"linear": "LINEAR", "exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}[variant.window]
    return encoded(dataset(words, variant.bits, **tags), words, variant)


def sequence(first: int, bits: int, entries: list[int], variant: Variant) -> Sequence:
    """A table as words in the order of the file: explicit VR has no room for a long one otherwise."""
    words = np.array(entries, dtype=">u2" if variant.syntax == "big" else "<u2")
    return table((len(entries), first, bits), words.tobytes(), signed=first < 0)


def encoded(ds: Dataset, words: np.ndarray, variant: Variant) -> bytes:
    """The file in its syntax. Encoders are given whole words, so that what lies above the stored bits stays there."""
    syntax = SYNTAXES[variant.syntax]
    if variant.syntax == "big":
        ds.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
    if variant.syntax in NATIVE:
        return written(ds, syntax)
    ds = pydicom.dcmread(BytesIO(written(ds)))
    if variant.syntax == "rle":
        ds.compress(syntax, generate_instance_uid=False)
        return written(ds, syntax)
    whole = variant.allocated if variant.above == "fill" else variant.bits
    stream = lossless_jpeg(words, whole) if variant.syntax == "jpeg-lossless" else stream_of(words, syntax, whole)
    ds.PixelData = pydicom.encaps.encapsulate([stream])
    ds["PixelData"].VR = "OB"
    return written(ds, syntax)


VARIANTS = variants()


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_film_is_what_the_formula_says(variant: Variant) -> None:
    exposure = dicom.decode(film(variant))
    assert np.abs(exposure.pixels - shown(variant)).max() < 2e-5
    assert bool(exposure.flags) == (variant.window == "broken")


@pytest.fixture(scope="module")
def dcmj2pnm() -> str:
    found = shutil.which("dcmj2pnm")
    if found is None:
        reason = "DCMTK is not installed (apt-get install dcmtk)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def by_dcmtk(program: str, data: bytes, window: str, folder: Path) -> np.ndarray:
    """(H, W) in 0–1 as DCMTK shows it, at 16 bits."""
    (folder / "film.dcm").write_bytes(data)
    how = {"voi": ["+Wl", "1", "+Mv"], "none": ["+Wm"], "broken": ["+Wm"], "sigmoid": ["+Wi", "1", "+Wfs"]}
    asked = [*how.get(window, ["+Wi", "1"]), "-O", "+Mm", "+opw"]
    words = [program, *asked, "film.dcm", "film.pgm"]
    run = subprocess.run(words, cwd=folder, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr[-400:]
    head, size, greatest, rest = (folder / "film.pgm").read_bytes().split(b"\n", 3)
    if size.startswith(b"#"):
        size, greatest, rest = greatest, *rest.split(b"\n", 1)
    width, height = map(int, size.split())
    depth = ">u2" if int(greatest) > 255 else "u1"
    if head == b"P2":
        return np.array(rest.split(), dtype=float).reshape(height, width) / int(greatest)
    return np.frombuffer(rest, depth, height * width).reshape(height, width) / int(greatest)


TOGETHER = [variant for variant in VARIANTS if variant.syntax in OPEN_TO_DCMTK and variant.window != "exact"]


@pytest.mark.parametrize("variant", TOGETHER, ids=str)
def test_a_film_is_what_dcmtk_shows(variant: Variant, dcmj2pnm: str, tmp_path: Path) -> None:
    data = film(variant)
    theirs = by_dcmtk(dcmj2pnm, data, variant.window, tmp_path)
    ours = dicom.decode(data).pixels
    if variant.window not in ("voi", "sigmoid"):
        # The part of a window that no pixel reaches is dropped here, and is dark or bright there.
        theirs = (theirs - theirs.min()) / np.ptp(theirs)
    assert np.abs(theirs - ours).max() < 0.01
