"""JPEG 2000 before decoding: one codestream, one size, data for every tile."""

import struct

import numpy as np
import pytest
from pydicom import uid
from pydicom.pixels.encoders.base import get_encoder

from lofi.errors import UnreadableFilm
from lofi.film import codestream
from lofi.film.jpeg2000 import bare

RAMP = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)
OPTIONS = {
    "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 12,
    "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0,
}  # fmt: skip
_STREAM = get_encoder(uid.JPEG2000Lossless).encode(
    RAMP, rows=48, columns=40, number_of_frames=1, encoding_plugin="pylibjpeg", **OPTIONS
)
STREAM = _STREAM.rstrip(b"\0")
TILE_SIZE, FIRST_PART = 24, STREAM.index(b"\xff\x90")


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L4s", 8 + len(content), name) + content


def jp2(*codestreams: bytes, size_hw: tuple[int, int] = (48, 40), before: bytes = b"") -> bytes:
    """A JP2 file round codestreams, ``before`` them other boxes."""
    header = box(b"jp2h", box(b"ihdr", struct.pack(">LLHBBBB", *size_hw, 1, 11, 7, 0, 0)))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + before + header
    return start + b"".join(box(b"jp2c", one) for one in codestreams)


def patched(at: int, value: bytes) -> bytes:
    return STREAM[:at] + value + STREAM[at + len(value) :]


def decoded(stream: bytes) -> np.ndarray:
    return codestream.decode(stream, uid.JPEG2000Lossless, (48, 40), **OPTIONS).values


def test_a_whole_codestream_is_read_with_and_without_a_wrapper() -> None:
    head = bare(STREAM)[1]
    assert (head.size_hw, head.samples, head.bits) == ((48, 40), 1, 12)
    for stream in (STREAM, jp2(STREAM), jp2(STREAM, before=box(b"uuid", b"x" * 30))):
        assert np.array_equal(decoded(stream), RAMP)


def test_a_false_size_in_a_box_before_the_codestream_is_not_believed() -> None:
    # The size check once read the first SIZ anywhere in the file, the decoder the one in the codestream.
    fake = box(b"uuid", bytes(16) + STREAM[:60])
    huge = patched(8, struct.pack(">LL", 20_000, 20_000))
    with pytest.raises(UnreadableFilm):
        decoded(jp2(huge, before=fake))
    with pytest.raises(UnreadableFilm):
        decoded(jp2(huge, size_hw=(20_000, 20_000), before=fake))


DAMAGED = {
    "wrapper-size": jp2(STREAM, size_hw=(48, 41)),
    "two-codestreams": jp2(STREAM, STREAM),
    "no-codestream": jp2(),
    "box-past-the-end": jp2(STREAM)[:-20],
    "second-size": STREAM[:FIRST_PART] + STREAM[2:FIRST_PART] + STREAM[FIRST_PART:],
    "no-tile": STREAM[:FIRST_PART] + b"\xff\xd9",
    "cut-in-the-header": STREAM[:60],
    "cut-in-the-data": STREAM[: FIRST_PART + 60],
    "half-the-tiles-missing": patched(TILE_SIZE, struct.pack(">L", 20)),
    "nearly-all-tiles-missing": patched(TILE_SIZE, struct.pack(">LL", 1, 1)),
    "tile-of-no-size": patched(TILE_SIZE, struct.pack(">L", 0)),
    "tile-out-of-place": patched(FIRST_PART + 4, struct.pack(">H", 1)),
    "tile-before-the-image": patched(TILE_SIZE + 8, struct.pack(">L", 50)),
    "empty-tile": STREAM[: FIRST_PART + 6] + struct.pack(">LBB", 14, 0, 1) + b"\xff\x93\xff\xd9",
    "part-without-an-end": patched(FIRST_PART + 6, struct.pack(">L", 0xFFFFFFFF)),
    "part-within-itself": patched(FIRST_PART + 6, struct.pack(">L", 3)),
    "empty": b"",
    "start-only": b"\xff\x4f\xff\x51",
}


@pytest.mark.parametrize("stream", DAMAGED.values(), ids=DAMAGED.keys())
def test_refused_before_a_decoder_sees_it(stream: bytes) -> None:
    with pytest.raises(UnreadableFilm) as refusal:
        bare(stream)
    assert str(refusal.value).endswith(".")


AFTER = {
    "comment-after-the-last-tile": STREAM[:-2] + b"\xff\x64\0\x0a\0\1made by"[:12] + STREAM[-2:],
    "comment-and-no-end": STREAM[:-2] + b"\xff\x64\0\x08\0\1made",
    "no-end": STREAM[:-2],
    "padded": STREAM + b"\0",
    "padded-without-an-end": STREAM[:-2] + b"\0\0",
}


@pytest.mark.parametrize("stream", AFTER.values(), ids=AFTER.keys())
def test_what_follows_the_last_tile_is_of_no_matter(stream: bytes) -> None:
    # The decoder wants the end right behind the last tile, and some encoders write a comment there, or nothing.
    assert STREAM.endswith(b"\xff\xd9")
    assert np.array_equal(decoded(stream), RAMP)


def test_a_last_part_that_reaches_to_the_end_is_whole() -> None:
    assert np.array_equal(decoded(patched(FIRST_PART + 6, struct.pack(">L", 0))), RAMP)
