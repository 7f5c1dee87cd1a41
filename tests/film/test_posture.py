"""Which way the patient stands, how large a pixel is, and what of sixteen bits is used."""

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lofi.film import dicom
from lofi.film.flags import MIRRORED, NOT_FRONTAL, NOT_SQUARE, SIDE_UNTOLD, STOOD_UP, STRETCHED, TURNED
from lofi.film.radiograph import Radiograph
from lofi.film.turn import Turn
from tests.film.test_dicom import RAMP, dataset, written
from tests.film.test_radiograph import chunk

# Bright above on the patient's right (the left of the picture), dim above on the other side, wider than high.
UPRIGHT = np.zeros((40, 60), dtype=np.uint16)
UPRIGHT[:20, :30], UPRIGHT[:20, 30:] = 4000, 2000

STORED = {
    # Rows run towards the first letter, columns towards the second.
    ("L", "F"): UPRIGHT,
    ("R", "F"): UPRIGHT[:, ::-1],
    ("L", "H"): UPRIGHT[::-1],
    ("R", "H"): UPRIGHT[::-1, ::-1],
    ("F", "L"): UPRIGHT.T,
    ("F", "R"): UPRIGHT[:, ::-1].T,
    ("H", "L"): UPRIGHT[::-1].T,
    ("H", "R"): UPRIGHT[::-1, ::-1].T,
}


def exposed(pixels: np.ndarray = RAMP, **tags: Any) -> Any:
    return dicom.decode(written(dataset(np.ascontiguousarray(pixels), **tags)))


class TestOrientation:
    @pytest.mark.parametrize(
        ("named", "stored"), STORED.items(), ids=lambda value: "".join(value) if len(value) == 2 else ""
    )
    def test_the_film_is_turned_to_the_usual_way_and_says_so(self, named: tuple[str, str], stored: np.ndarray) -> None:
        film = exposed(stored, PatientOrientation=list(named), PixelSpacing=[0.2, 0.1])
        assert np.abs(film.pixels * 4000 - UPRIGHT).max() < 1e-3
        assert (TURNED in film.flags) == (named != ("L", "F"))
        assert film.oriented
        # A spacing goes with its direction.
        assert film.spacing_mm == ((0.1, 0.2) if named[0] in "FH" else (0.2, 0.1))

    @pytest.mark.parametrize(
        ("named", "stored"), STORED.items(), ids=lambda value: "".join(value) if len(value) == 2 else ""
    )
    def test_a_box_finds_its_way_back(self, named: tuple[str, str], stored: np.ndarray) -> None:
        turn = exposed(stored, PatientOrientation=list(named)).turn
        x0, y0, x1, y1 = turn.stored_box((0.0, 0.0, 0.5, 0.5))  # the bright quarter
        height, width = stored.shape
        found = stored[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]
        assert (found.size, found.min()) == (600, 4000)

    def test_the_first_letter_is_the_main_direction(self) -> None:
        assert exposed(UPRIGHT[:, ::-1], PatientOrientation=["RF", "FL"]).turn == Turn(mirror=True)

    def test_from_the_side_front_and_back_have_no_usual_place(self) -> None:
        for named in (["A", "F"], ["P", "F"]):
            film = exposed(PatientOrientation=named)
            assert (film.turn, film.flags, film.lateral) == (Turn(), (), True)
        film = exposed(PatientOrientation=["A", "H"])
        assert (film.turn, film.flags) == (Turn(upend=True), (STOOD_UP,))

    @pytest.mark.parametrize(
        "named", [["L", "R"], ["L"], ["F", "H"], ["X", "Y"], ["L", "P"], ["L", "F", "H"]], ids="".join
    )
    def test_what_makes_no_sense_is_told(self, named: list[str]) -> None:
        film = exposed(PatientOrientation=named)
        assert (film.turn, film.flags) == (Turn(), (SIDE_UNTOLD,))

    def test_mirrored_at_the_detector_is_told_where_nothing_else_is(self) -> None:
        assert exposed(FieldOfViewHorizontalFlip="YES").flags == (MIRRORED,)
        assert exposed(FieldOfViewHorizontalFlip="NO").flags == ()
        # Patient Orientation speaks of the picture as it is stored, after all flips.
        assert exposed(FieldOfViewHorizontalFlip="YES", PatientOrientation=["L", "F"]).flags == ()

    def test_sides_are_known_from_the_file_or_from_a_frontal_film_alone(self, film_file: Path) -> None:
        frontal = (Radiograph.read(film_file).pixels * 4000).astype(np.uint16)
        said = {
            ("L", "F"): ("file", ()),
            ("R", "F"): ("file", (TURNED,)),  # turned, so that the letters are right
            ("", ""): ("usual", ()),
            ("L", "R"): ("", (SIDE_UNTOLD,)),
        }
        for named, (sides, flags) in said.items():
            stored = frontal[:, ::-1] if named[0] == "R" else frontal
            film = Radiograph.read(written(dataset(np.ascontiguousarray(stored), PatientOrientation=list(named))))
            assert (film.sides, film.flags) == (sides, flags), named
        mirrored = Radiograph.read(written(dataset(frontal, FieldOfViewHorizontalFlip="YES")))
        assert mirrored.sides == ""
        # Neither on its side nor from the side does a film look frontal: the file's word on R and L is not enough.
        lying = Radiograph.read(written(dataset(np.rot90(frontal).copy(), PatientOrientation=["L", "F"])))
        assert (lying.unfit, lying.sides) == (NOT_FRONTAL, "")


IMAGER, MAGNIFIED = {"ImagerPixelSpacing": [0.15, 0.15]}, "EstimatedRadiographicMagnificationFactor"


class TestSize:
    @pytest.mark.parametrize(
        ("tags", "spacing", "at"),
        [
            ({"PixelSpacing": [0.2, 0.2]}, (0.2, 0.2), ""),
            (IMAGER, (0.15, 0.15), "detector"),
            # 0.15 / 1.25
            (IMAGER | {MAGNIFIED: 1.25}, (0.12, 0.12), "patient"),
            (IMAGER | {MAGNIFIED: 0}, (0.15, 0.15), "detector"),
            (IMAGER | {"PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), "detector"),
            (IMAGER | {"PixelSpacing": [0.13, 0.13]}, (0.13, 0.13), "patient"),
            (
                IMAGER | {"PixelSpacing": [0.15, 0.15], "PixelSpacingCalibrationType": "FIDUCIAL"},
                (0.15, 0.15),
                "patient",
            ),
            ({"NominalScannedPixelSpacing": [0.175, 0.175]}, (0.175, 0.175), "detector"),
            ({"ImagerPixelSpacing": [0.0, 0.0], "PixelSpacing": [0.2, 0.2]}, (0.2, 0.2), ""),
            ({}, None, ""),
        ],
        ids=str,
    )  # fmt: skip
    def test_where_a_millimetre_holds(self, tags: dict[str, Any], spacing: Any, at: str) -> None:
        film = Radiograph.read(written(dataset(RAMP, **tags)))
        assert film.spacing_mm == (None if spacing is None else pytest.approx(spacing))
        assert film.spacing_at == at
        assert NOT_SQUARE not in film.flags

    @pytest.mark.parametrize(
        "tags",
        [{"PixelSpacing": [0.2, 0.1]}, {"PixelAspectRatio": [4, 3]}, {"NominalScannedPixelSpacing": [0.2, 0.1]}],
        ids=str,
    )
    def test_pixels_that_are_not_square_are_told(self, tags: dict[str, Any]) -> None:
        assert exposed(**tags).flags == (NOT_SQUARE,)

    @pytest.mark.parametrize("ratio", [[1, 1], [0, 0], [100, 100]], ids=str)
    def test_square_ones_are_not(self, ratio: list[int]) -> None:
        assert exposed(PixelAspectRatio=ratio).flags == ()


def png(values: np.ndarray, significant: int = 0) -> bytes:
    """A 16-bit PNG, with an sBIT chunk where asked for."""
    data = bytes(cv2.imencode(".png", values)[1])
    said = chunk(b"sBIT", bytes([significant])) if significant else b""
    return data[:33] + said + data[33:]


TWELVE = (np.arange(40 * 60, dtype=np.uint16) + 500).reshape(40, 60)


class TestDepth:
    def test_twelve_bits_in_sixteen_are_stretched_to_their_own_range(self) -> None:
        film = Radiograph.read(png(TWELVE))
        assert np.abs(film.pixels - (TWELVE - 500) / 2399).max() < 1e-6
        assert STRETCHED in film.flags
        assert film.bits == 16

    def test_or_to_what_is_said_to_be_significant(self) -> None:
        film = Radiograph.read(png(TWELVE, 12))
        assert np.abs(film.pixels - TWELVE / 4095).max() < 1e-6
        assert STRETCHED in film.flags

    def test_values_scaled_up_as_the_format_asks_stay_as_they_are(self) -> None:
        film = Radiograph.read(png(TWELVE << 4, 12))
        assert np.abs(film.pixels - (TWELVE << 4) / 65535).max() < 1e-6
        assert STRETCHED not in film.flags

    def test_colours_are_stretched_alike(self) -> None:
        film = Radiograph.read(png(np.dstack([TWELVE] * 3)))
        assert np.abs(film.pixels - TWELVE / 2899).max() < 1e-6
        assert STRETCHED in film.flags

    def test_png_whose_end_alone_is_missing(self) -> None:
        data = png(TWELVE)
        assert data[-12:] == struct.pack(">L", 0) + b"IEND" + struct.pack(">L", zlib.crc32(b"IEND"))
        film = Radiograph.read(data[:-12])
        assert np.array_equal(film.pixels, Radiograph.read(data).pixels)
        assert "end of the picture's data" in film.flags[0]
