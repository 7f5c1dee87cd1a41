"""Films at full depth for the browser: what is packed is unpacked again here, step by step."""

import gzip
import json

import numpy as np
import pytest

from lofi.film.radiograph import Radiograph
from lofi.ui import packed
from lofi.ui.packed import Packed, pack
from tests.film.test_dicom import RAMP, dataset, written


def unpacked(sent: Packed) -> np.ndarray:
    """(H, W) values as the browser restores them."""
    data = np.frombuffer(gzip.decompress(sent.body), np.uint8)[: -sent.said]
    if sent.bits == 8:
        return np.cumsum(data.reshape(sent.sent_hw), axis=1, dtype=np.uint8)
    high, low = data.reshape(2, *sent.sent_hw).astype(np.uint16)
    return np.cumsum(high * 256 + low, axis=1, dtype=np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size_hw", [(40, 56), (33, 35)], ids=["even", "odd"])
def test_every_value_comes_back(dtype: type, size_hw: tuple[int, int]) -> None:
    largest = np.iinfo(dtype).max
    pixels = np.random.default_rng(1).integers(0, largest + 1, size_hw).astype(dtype)
    pixels[0, :3] = (0, largest, 0)  # differences that wrap around
    sent = pack(Radiograph.from_pixels(pixels))
    assert np.array_equal(unpacked(sent), pixels)
    assert (sent.bits, sent.sent_hw, sent.size_hw) == (8 * np.dtype(dtype).itemsize, size_hw, size_hw)


def test_a_film_too_large_for_a_texture_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_SIDE", 100)
    pixels = np.zeros((60, 150), np.uint8)
    pixels[:, 75:] = 200
    sent = pack(Radiograph.from_pixels(pixels))
    assert (sent.sent_hw, sent.size_hw) == ((30, 75), (60, 150))
    assert unpacked(sent)[15, [10, 60]].tolist() == [0, 200]


def test_a_smooth_film_is_sent_small() -> None:
    rows = np.linspace(0, 60_000, 512)
    pixels = (rows[:, None] * 0.5 + rows[None] * 0.5).astype(np.uint16)
    assert len(pack(Radiograph.from_pixels(pixels)).body) < 0.6 * pixels.nbytes


def test_headers_tell_size_depth_and_spacing() -> None:
    headers = Packed(b"", (2, 3), (4, 6), 12, (0.143, 0.15), "file", 7).headers()
    assert headers == {
        "Content-Encoding": "gzip",
        "X-Sent-Size": "2,3",
        "X-Film-Size": "4,6",
        "X-Film-Bits": "12",
        "X-Film-Sides": "file",
        "X-Film-Said": "7",
        "X-Spacing-Mm": "0.143,0.15",
    }
    assert "X-Spacing-Mm" not in Packed(b"", (2, 3), (4, 6), 12, None, "", 7).headers()


def test_a_dicom_film_goes_as_stored_values_with_its_looks() -> None:
    ds = dataset(RAMP, WindowCenter=[200, 1000], WindowWidth=[100, 4000], RescaleSlope="2", RescaleIntercept="-5")
    film = Radiograph.read(written(ds))
    sent = pack(film)
    data = gzip.decompress(sent.body)
    said = json.loads(data[-sent.said :])
    assert (said["unit"], said["line"], said["wide"], said["curve"]) == ("rescaled value", [-5, 2], True, 1920)
    assert [look["name"] for look in said["looks"]] == ["Window 1", "Window 2", "All values"]
    raster, curves = data[: 2 * RAMP.size], data[2 * RAMP.size : -sent.said]
    assert np.array_equal(_wide(raster, RAMP.shape), RAMP)
    shown = _wide(curves, (3, 1920))[0][RAMP] / 65535
    assert np.abs(shown - film.pixels).max() < 1e-4


def _wide(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    high, low = np.frombuffer(data, np.uint8).reshape(2, *shape).astype(np.uint16)
    return np.cumsum(high * 256 + low, axis=1, dtype=np.uint16)
