"""The check for frontal chest films: its parts by hand, its verdicts on real films and other pictures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from lofi.film import dicom
from lofi.film.elements import read_elements
from lofi.film.flags import NOISE
from lofi.film.frontal import SIDE, fitted, symmetry, thumbnail
from lofi.film.radiograph import Radiograph
from train.frontal import wilson


def grey(path: Path) -> np.ndarray:
    """(H, W) float32 in 0–1 of an image file."""
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


@pytest.fixture(scope="module")
def frontal(shared: Path) -> list[np.ndarray]:
    """Frontal films of the val split, ten of each source that has them."""
    found: dict[str, list[np.ndarray]] = {}
    for line in (shared / "cxr" / "records.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["split"] != "val" or row.get("view") in (None, "?", "L"):
            continue
        films = found.setdefault(row["source"], [])
        if len(films) < 10:
            films.append(grey(shared / "cxr" / row["image"]))
    return [film for films in found.values() if len(films) == 10 for film in films]


def share_frontal(films: list[np.ndarray]) -> float:
    return float(np.mean([fitted().looks_frontal(np.ascontiguousarray(film)) for film in films]))


class TestParts:
    def test_thumbnail_holds_ranks(self) -> None:
        # Left half dark, right half bright: each half shares one rank, the middle of its own quarter-range.
        pixels = np.repeat([[0.2, 0.9]], 64, axis=0).repeat(32, axis=1).astype(np.float32)
        ranks = thumbnail(pixels).reshape(SIDE, SIDE)
        assert np.all(ranks[:, : SIDE // 2] == 0.25)
        assert np.all(ranks[:, SIDE // 2 :] == 0.75)

    def test_thumbnail_does_not_depend_on_the_window(self) -> None:
        pixels = np.random.default_rng(1).random((256, 200), dtype=np.float32)
        assert np.abs(thumbnail(pixels) - thumbnail(0.1 + 0.5 * pixels)).max() < 0.02

    @pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
    def test_constant_film_has_one_rank_and_is_flagged(self, level: float) -> None:
        pixels = np.full((64, 64), level, dtype=np.float32)
        assert np.all(thumbnail(pixels) == 0.5)
        assert not fitted().looks_frontal(pixels)

    def test_symmetry_of_a_ramp(self) -> None:
        # A ramp from left to right is its own negative in the mirror, and its own image upside down.
        ramp = np.tile(np.linspace(0, 1, SIDE), (SIDE, 1)).ravel()
        assert symmetry(ramp) == pytest.approx([-1, 1, -1, -1])

    @pytest.mark.parametrize(("hits", "count", "expected"), [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634))])
    def test_wilson_interval(self, hits: int, count: int, expected: tuple[float, float]) -> None:
        assert wilson(hits, count) == pytest.approx(expected, abs=1e-4)


class TestVerdicts:
    def test_frontal_films_pass(self, frontal: list[np.ndarray]) -> None:
        assert len(frontal) >= 50
        assert share_frontal(frontal) >= 0.95

    @pytest.mark.parametrize(
        "spoil",
        [lambda film: np.rot90(film), lambda film: np.rot90(film, 2), lambda film: 1 - film],
        ids=["quarter-turn", "upside-down", "inverted"],
    )
    def test_spoiled_films_are_flagged(self, frontal: list[np.ndarray], spoil) -> None:
        assert share_frontal([spoil(film) for film in frontal]) <= 0.1

    def test_other_radiographs_are_flagged_by_their_pixels(self, shared: Path) -> None:
        for name in ("RLE_RG2_RLE", "RLE_RG3_RLE", "J2KI_RG2_J2KI", "kcr2019_CT_abdomen_bigendian"):
            data = (shared / "dicom" / "not_chest" / f"{name}.dcm").read_bytes()
            assert not fitted().looks_frontal(dicom.stored_film(read_elements(data))[0]), name

    def test_chest_dicoms_pass_by_their_pixels(self, shared: Path) -> None:
        for name in ("RG1_J2KI", "NIH_DX_test1", "NIH_DX_test2", "SIIM_jpeg_baseline", "CR-MONO1-10-chest_explicit"):
            data = (shared / "dicom" / "chest" / f"{name}.dcm").read_bytes()
            assert fitted().looks_frontal(dicom.stored_film(read_elements(data))[0]), name

    def test_noise_read_from_a_file_is_flagged(self) -> None:
        noise = np.random.default_rng(2).integers(0, 256, (200, 200), dtype=np.uint8)
        film = Radiograph.read(bytes(cv2.imencode(".png", noise)[1]))
        assert film.flags == (NOISE,)
