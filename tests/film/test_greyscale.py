"""Lookup tables, windows and rescale values as real writers leave them: each expectation is worked out by hand."""

import struct
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lofi.errors import UnreadableFilm
from lofi.film import dicom
from lofi.film.flags import MODALITY_TABLE_UNUSABLE, RESCALE_UNUSABLE, TABLE_UNUSABLE, WINDOW_UNUSABLE
from tests.film.test_dicom import dataset, written


def table(descriptor: tuple[int, int, int], data: bytes, signed: bool = False) -> Sequence:
    """A LUT item with its descriptor and its data as bytes, which may contradict each other."""
    item = Dataset()
    item.add_new(0x0028_3002, "SS" if signed else "US", list(descriptor))
    item.add_new(0x0028_3006, "OW", data)
    return Sequence([item])


def words(*entries: int) -> bytes:
    return struct.pack(f"<{len(entries)}H", *entries)


def read(stored: list[int], replaced: tuple[bytes, bytes] = (b"", b""), **tags: Any) -> tuple[list[float], set[str]]:
    """What is shown of a row of stored values, and what is told with it."""
    data = written(dataset(np.array([stored], dtype=np.int16 if min(stored) < 0 else np.uint16), **tags))
    if replaced[0]:
        assert data.count(replaced[0]) == 1
        data = data.replace(*replaced)
    exposure = dicom.decode(data)
    return [float(value) for value in exposure.pixels[0]], set(exposure.flags)


class TestTables:
    def test_white_is_what_the_table_reaches_not_what_its_bits_could_hold(self) -> None:
        # 4,096 entries up to 4,095 described as of 16 bits: 1,000 is 1,000 / 4,095, not 1,000 / 65,535.
        values, flags = read([0, 1000, 4095], VOILUTSequence=table((4096, 0, 16), words(*range(4096))))
        assert values == pytest.approx([0, 1000 / 4095, 1], abs=1e-6)
        assert flags == set()

    def test_count_of_zero_means_65536_entries(self) -> None:
        values, flags = read([0, 30000, 65535], bits=16, VOILUTSequence=table((0, 0, 16), words(*range(65536))))
        assert values == pytest.approx([0, 30000 / 65535, 1], abs=1e-6)
        assert flags == set()

    def test_last_entry_is_held_where_one_is_missing(self) -> None:
        # It was read as bytes, and gave noise.
        values, flags = read([0, 100, 254, 255], VOILUTSequence=table((256, 0, 12), words(*range(0, 16 * 255, 16))))
        assert values == pytest.approx([0, 100 / 254, 1, 1], abs=1e-6)
        assert flags == set()

    @pytest.mark.parametrize("data", [bytes(range(256)), words(*range(256))], ids=["bytes", "words"])
    def test_eight_bits_come_as_bytes_or_as_words(self, data: bytes) -> None:
        assert read([0, 51, 255], VOILUTSequence=table((256, 0, 8), data))[0] == pytest.approx([0, 0.2, 1], abs=1e-6)

    @pytest.mark.parametrize(
        "broken",
        [
            table((4096, 0, 40), words(*range(4096))),
            table((4096, 0, 16), words(*range(100))),
            table((4096, 0, 12), words(*[7] * 4096)),
            table((3, 60000, 12), words(1, 2, 3)),
        ],
        ids=["bits", "far-too-short", "flat", "misses-the-film"],
    )
    def test_broken_table_is_told_and_the_window_beside_it_counts(self, broken: Sequence) -> None:
        # (x − 99.5) / 100 + 0.5: 0 at 50 and below, 1 at 150 and above.
        window = {"WindowCenter": 100, "WindowWidth": 101}
        values, flags = read([0, 75, 150, 400], VOILUTSequence=broken, **window)
        assert values == pytest.approx([0, 0.255, 1, 1], abs=1e-6)
        assert flags == {TABLE_UNUSABLE}

    def test_broken_table_alone_leaves_the_range_of_the_film(self) -> None:
        values, flags = read([100, 150, 300], VOILUTSequence=table((2, 0, 40), words(1, 2)))
        assert values == pytest.approx([0, 0.25, 1], abs=1e-6)
        assert flags == {TABLE_UNUSABLE}

    def test_broken_modality_table_is_told(self) -> None:
        values, flags = read([100, 150, 300], ModalityLUTSequence=table((0, 0, 0), b""), WindowCenter=7, WindowWidth=8)
        assert values == pytest.approx([0, 0.25, 1], abs=1e-6)
        assert flags == {MODALITY_TABLE_UNUSABLE}


class TestWindows:
    @pytest.mark.parametrize("width", [0, -100, "0.5"])
    def test_width_that_shows_nothing(self, width: Any) -> None:
        values, flags = read([100, 150, 300], WindowCenter=200, WindowWidth=width)
        assert values == pytest.approx([0, 0.25, 1], abs=1e-6)
        assert flags == {WINDOW_UNUSABLE}

    @pytest.mark.parametrize("text", [b"2047,5", b"NaN   ", b"JOHN  ", b"1_000 ", b"1e999 ", b"inf   "], ids=repr)
    @pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth"])
    def test_window_that_is_no_number(self, keyword: str, text: bytes) -> None:
        tags = {"WindowCenter": "111111", "WindowWidth": "222222"}
        values, flags = read([100, 150, 300], (tags[keyword].encode(), text), **tags)
        assert values == pytest.approx([0, 0.25, 1], abs=1e-6)
        assert flags == {WINDOW_UNUSABLE}

    def test_window_in_binary(self) -> None:
        ds = dataset(np.array([[100, 150, 300]], dtype=np.uint16))
        ds.add_new(0x0028_1050, "FD", 2047.5)
        ds.add_new(0x0028_1051, "US", 4096)
        exposure = dicom.decode(written(ds))
        assert exposure.pixels[0] == pytest.approx([0, 0.25, 1], abs=1e-6)
        assert exposure.flags == (WINDOW_UNUSABLE,)

    def test_center_without_a_width(self) -> None:
        assert read([100, 150, 300], WindowCenter=200) == ([0, 0.25, 1], {WINDOW_UNUSABLE})

    def test_narrow_window_on_narrow_values_is_one(self) -> None:
        # Optical densities: 0.001 · v; window 0.5 / 0.8 is (x − 0.5) / 0.8 + 0.5: 0 at 0.1, 1 at 0.9.
        tags = {"RescaleSlope": "0.001", "RescaleIntercept": 0, "WindowCenter": "0.5", "WindowWidth": "0.8"}
        values, flags = read([0, 100, 300, 900, 1000], **tags)
        assert values == pytest.approx([0, 0, 0.25, 1, 1], abs=1e-6)
        assert flags == set()

    def test_function_in_small_letters(self) -> None:
        tags = {"WindowCenter": 100, "WindowWidth": 200}
        capital = read([0, 50, 100], VOILUTFunction="SIGMOID", **tags)
        assert read([0, 50, 100], (b"SIGMOID ", b"sigmoid "), VOILUTFunction="SIGMOID", **tags) == capital


class TestRescale:
    @pytest.mark.parametrize(
        ("keyword", "text", "shown"),
        [
            ("RescaleSlope", b"1,5000", [0, 0.25, 1]),
            ("RescaleSlope", b"-1,500", [1, 0.75, 0]),
            ("RescaleSlope", b"0.0000", [0, 0.25, 1]),
            ("RescaleIntercept", b"10,000", [0, 0.25, 1]),
        ],
    )
    def test_the_films_own_range_where_the_values_are_none(self, keyword: str, text: bytes, shown: list[float]) -> None:
        # The window speaks of rescaled values, which nobody knows. A sign can still be read.
        tags = {"RescaleSlope": "1.1111", "RescaleIntercept": "2.2222", "WindowCenter": 7, "WindowWidth": 8}
        values, flags = read([100, 150, 300], (tags[keyword].encode(), text), **tags)
        assert values == pytest.approx(shown, abs=1e-6)
        assert flags == {RESCALE_UNUSABLE}

    def test_values_beyond_any_measure_are_refused_by_name(self) -> None:
        with pytest.raises(UnreadableFilm, match="rescale slope and intercept"):
            read([1, 2], RescaleSlope="1e308", RescaleIntercept="-1e308")
