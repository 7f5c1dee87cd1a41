"""JPEG before decoding: one start of frame, few scans."""

import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lofi.errors import UnreadableFilm
from lofi.film.jpeg import MAX_SCANNED, MAX_SCANS, jpeg_head
from lofi.film.radiograph import Radiograph

GREY = (np.arange(40 * 60) % 251).astype(np.uint8).reshape(40, 60)


def jpeg(progressive: bool) -> bytes:
    sink = BytesIO()
    Image.fromarray(GREY).save(sink, "JPEG", progressive=progressive)
    return sink.getvalue()


PROGRESSIVE = jpeg(progressive=True)


def with_scans(stream: bytes, scans: int) -> bytes:
    """The stream with its last scan said ``scans`` times in all."""
    last = stream.rindex(b"\xff\xda")
    return stream[:last] + stream[last:-2] * (scans - stream.count(b"\xff\xda") + 1) + b"\xff\xd9"


def sized(stream: bytes, height: int, width: int) -> bytes:
    at = stream.index(b"\xff\xc2") + 5
    return stream[:at] + height.to_bytes(2) + width.to_bytes(2) + stream[at + 4 :]


@pytest.mark.parametrize("progressive", [False, True])
def test_usual_scans_are_read(progressive: bool) -> None:
    assert Radiograph.read(jpeg(progressive)).size_hw == (40, 60)


def test_scans_are_counted_before_decoding() -> None:
    many = with_scans(PROGRESSIVE, 20_000)
    start = time.perf_counter()
    with pytest.raises(UnreadableFilm, match="20000 scans"):
        Radiograph.read(many)
    assert time.perf_counter() - start < 1
    assert jpeg_head(with_scans(PROGRESSIVE, MAX_SCANS)).size_hw == (40, 60)
    with pytest.raises(UnreadableFilm, match="scans"):
        jpeg_head(with_scans(PROGRESSIVE, MAX_SCANS + 1))


def test_a_large_film_may_have_fewer_scans() -> None:
    large = sized(PROGRESSIVE, 9_000, 9_000)
    most = MAX_SCANNED // 81_000_000
    assert jpeg_head(with_scans(large, most)).size_hw == (9_000, 9_000)
    with pytest.raises(UnreadableFilm, match="scans"):
        jpeg_head(with_scans(large, most + 1))


def test_a_second_start_of_frame_is_refused() -> None:
    # Which of two sizes a decoder believes is its own affair: neither was checked against the other.
    at = PROGRESSIVE.index(b"\xff\xc2")
    end = at + 2 + int.from_bytes(PROGRESSIVE[at + 2 : at + 4])
    with pytest.raises(UnreadableFilm):
        Radiograph.read(PROGRESSIVE[:at] + PROGRESSIVE[at:end] * 2 + PROGRESSIVE[end:])
