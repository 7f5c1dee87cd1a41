"""JPEG and JPEG-LS as segments: what the stream claims, checked before any decoder sees it. ITU-T T.81 annex B."""

import re
import struct

from lofi.errors import UnreadableFilm
from lofi.film.stream import StreamHead, refused

MAX_SCANS = 64
"""Encoders write ten scans for a progressive colour image; a hundred are an attack on the decoder's time."""
MAX_SCANNED = 2_000_000_000
"""Pixels times scans. Each scan passes over the whole image: 200 scans of 81 megapixels took 28 seconds."""

JPEG_END = b"\xff\xd9"
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_SCAN = 0xDA
_MAX_SEGMENTS = 10_000


def jpeg_segments(stream: bytes) -> list[tuple[int, int, int]]:
    """(marker, first byte, end) of each segment of a JPEG up to and including its first scan header."""
    found: list[tuple[int, int, int]] = []
    at = 2
    for _ in range(_MAX_SEGMENTS):
        # Decoders step over stray bytes and fill bytes between segments, and so does this.
        if (next_marker := _MARKER.search(stream, at)) is None:
            return found
        marker, at = stream[next_marker.end() - 1], next_marker.end() - 2
        if marker in _NO_LENGTH:
            at += 2
            continue
        if at + 4 > len(stream):
            break
        end = at + 2 + int(struct.unpack_from(">H", stream, at + 2)[0])
        if end > len(stream) or end < at + 4:
            raise refused()
        found.append((marker, at, end))
        if marker == _SCAN:
            return found
        at = end
    raise refused()


def jpeg_head(stream: bytes) -> StreamHead:
    """Size, samples and precision of a JPEG or JPEG-LS stream. Raises UnreadableFilm.

    One start of frame is allowed: decoders differ in which of several they believe.
    """
    segments = jpeg_segments(stream)
    frames = [(marker, at, end) for marker, at, end in segments if _starts_frame(marker)]
    if len(frames) != 1:
        raise refused()
    marker, at, end = frames[0]
    if end - at < 10:
        raise refused()
    bits, height, width, samples = struct.unpack_from(">BHHB", stream, at + 4)
    _check_scans(stream, segments[-1][1], height * width)
    return StreamHead((height, width), samples, bits, marker, exact=_exact(stream, marker, segments[-1]))


def ends(stream: bytes) -> bool:
    """Whether the marker that ends a JPEG follows its first scan. Within a scan FF stands before 00 and restarts."""
    scan = next((end for marker, _, end in jpeg_segments(stream) if marker == _SCAN), len(stream))
    return stream.find(JPEG_END, scan) >= 0


def _exact(stream: bytes, marker: int, scan: tuple[int, int, int]) -> bool:
    """Lossless JPEG, and JPEG-LS where the scan allows no error: NEAR, third from the end of its header, is 0."""
    return marker == 0xC3 or (marker == 0xF7 and scan[0] == _SCAN and stream[scan[2] - 3] == 0)


def _starts_frame(marker: int) -> bool:
    """C0–CF without DHT, JPG and DAC; F7 is JPEG-LS."""
    return (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7


def _check_scans(stream: bytes, first: int, pixels: int) -> None:
    """Refuse a stream whose scans, from byte ``first`` on, would keep a decoder busy for minutes.

    Within a scan FF is followed by 00 or by a restart (in JPEG-LS by less than 80), so scan headers can be counted
    without decoding.
    """
    scans = stream.count(b"\xff\xda", first)
    if scans > MAX_SCANS or scans * pixels > MAX_SCANNED:
        raise UnreadableFilm(
            f"The JPEG image has {min(scans, 10**6)} scans, more than a film of its size may have: save it anew."
        )
