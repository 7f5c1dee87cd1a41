"""JPEG 2000 taken out of its wrapper and checked before any decoder sees it. ISO/IEC 15444-1 annexes A and I.

A decoder believes the codestream that it finds, fills what is missing with grey and says nothing: so there must be one
codestream, one size in it, and data for each of its tiles.
"""

import struct
from collections.abc import Iterator

from lofi.film.stream import StreamHead, incomplete, refused

START = b"\xff\x4f\xff\x51"
WRAPPED = b"\0\0\0\x0cjP  \r\n\x87\n"
_SIZ, _COD, _COM, _SOT = 0xFF51, 0xFF52, 0xFF64, 0xFF90
_EOC = b"\xff\xd9"
_MAX_BOXES, _MAX_SEGMENTS = 1_000, 10_000
_MAX_TILES = 65_535
_LEAST_PART = 14
"""Bytes of a tile-part that holds nothing: its header (SOT, 12 bytes) and the marker at which data begin (SOD)."""


def bare(stream: bytes) -> tuple[bytes, StreamHead]:
    """The codestream without the boxes of a JP2 file, and what it claims. Raises UnreadableFilm."""
    codestream = _unwrapped(stream) if stream.startswith(WRAPPED) else stream
    head, tiles, at = _main_header(codestream)
    # Some encoders write a comment after the last tile or leave out the end, and the decoder stumbles over both.
    end = _end_of_tiles(codestream, at, tiles)
    return (codestream if codestream.startswith(_EOC, end) else codestream[:end] + _EOC), head


def _unwrapped(stream: bytes) -> bytes:
    """The one codestream of a JP2 file, whose image header must tell the same size. Boxes: annex I.4."""
    boxes = list(_boxes(stream, 0, len(stream)))
    codestreams = [(at, end) for name, at, end in boxes if name == b"jp2c"]
    headers = [(at, end) for name, at, end in boxes if name == b"jp2h"]
    if len(codestreams) != 1 or len(headers) != 1:
        raise refused()
    images = [(at, end) for name, at, end in _boxes(stream, *headers[0]) if name == b"ihdr"]
    if len(images) != 1 or images[0][1] - images[0][0] != 14:
        raise refused()
    height, width, samples = struct.unpack_from(">LLH", stream, images[0][0])
    codestream = stream[slice(*codestreams[0])]
    head, _, _ = _main_header(codestream)
    if (head.size_hw, head.samples) != ((height, width), samples):
        raise refused()
    return codestream


def _boxes(stream: bytes, at: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, first byte, end) of the contents of each box."""
    for _ in range(_MAX_BOXES):
        if at + 8 > stop:
            return
        length, name = struct.unpack_from(">L4s", stream, at)
        start = at + 8
        if length == 1 and at + 16 <= stop:
            (length,), start = struct.unpack_from(">Q", stream, at + 8), at + 16
        end = stop if length == 0 else at + length
        if end < start or end > stop:
            raise refused()
        yield name, start, end
        at = end
    raise refused()


def _main_header(stream: bytes) -> tuple[StreamHead, int, int]:
    """What the codestream claims, its number of tiles, and where its first tile-part begins."""
    if not stream.startswith(START) or len(stream) < 43:
        raise refused()
    width, height, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8L", stream, 8)
    samples, precision = struct.unpack_from(">HB", stream, 40)
    # The first tile must begin at or before the image and reach into it (annex B.3).
    if not (
        tile_left <= left < min(width, tile_left + tile_width) and tile_top <= top < min(height, tile_top + tile_height)
    ):
        raise refused()
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    if tiles > _MAX_TILES:
        raise refused()
    at, exact = 2, False
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(stream):
            raise incomplete()
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker == _SOT:
            return StreamHead((height - top, width - left), samples, (precision & 0x7F) + 1, 0x51, exact), tiles, at
        if marker == _COD and length >= 12 and at + 14 <= len(stream):
            exact = stream[at + 13] == 1  # the reversible wavelet (table A.20)
        if marker < 0xFF00 or length < 2 or (marker == _SIZ and at != 2):
            raise refused()
        at += 2 + length
    raise refused()


def _end_of_tiles(stream: bytes, at: int, tiles: int) -> int:
    """Where the tile-parts from byte ``at`` on end. Raises UnreadableFilm unless they bring data for each tile."""
    filled: set[int] = set()
    end_of_tiles = at
    while at + 4 <= len(stream):
        marker, size = struct.unpack_from(">HH", stream, at)
        if marker == _COM:
            at += 2 + size
            continue
        if marker != _SOT or at + _LEAST_PART > len(stream):
            break
        _, _, tile, length = struct.unpack_from(">HHHL", stream, at)
        # A length of 0 reaches to the end of the codestream, whose last marker is EOC.
        end = at + length if length else len(stream) - 2 * stream.endswith(_EOC)
        if tile >= tiles or end < at + _LEAST_PART:
            raise refused()
        if end > len(stream):
            raise incomplete()
        if end > stream.find(b"\xff\x93", at + 12, end) + 2 > at + 12:
            filled.add(tile)
        at = end_of_tiles = end
    if len(filled) < tiles:
        raise incomplete()
    return end_of_tiles
