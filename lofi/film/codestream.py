"""Compressed pixel data: what they are read from the stream, sizes checked, then decoded by one plugin each.

Decoders allocate by what the stream itself claims, so that claim is compared with the header first. A stream's own
first bytes win over a transfer syntax that disagrees: archives that recompress forget the one, never the other.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import gdcm  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from lofi.errors import UnreadableFilm
from lofi.film.flags import END_MISSING
from lofi.film.hush import hushed
from lofi.film.jpeg import JPEG_END, ends, jpeg_head
from lofi.film.jpeg8 import decode_jpeg
from lofi.film.jpeg2000 import START, WRAPPED, bare
from lofi.film.stream import BrokenStream, StreamHead, incomplete, refused

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
RLE = "1.2.840.10008.1.2.5"

PLUGINS = {
    JPEG_LOSSLESS: "gdcm",
    "1.2.840.10008.1.2.4.57": "gdcm",
    JPEG_LS: "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    JPEG_2000: "pylibjpeg",
    "1.2.840.10008.1.2.4.201": "pylibjpeg",
    "1.2.840.10008.1.2.4.202": "pylibjpeg",
    "1.2.840.10008.1.2.4.203": "pylibjpeg",
    RLE: "pylibjpeg",
}
"""Transfer syntax → the one permissively licensed pydicom plugin that decodes it (JPEG itself is Pillow's)."""
SIGNATURES = (b"\xff\xd8\xff", START, WRAPPED)
"""First bytes of a compressed image, RLE aside."""
LOSSY = (0xC0, 0xC1, 0xC2)
"""Start-of-frame bytes of the JPEG kinds that Pillow decodes: baseline, extended, progressive."""
_BY_MARKER = {**dict.fromkeys(LOSSY, JPEG_BASELINE), 0xC3: JPEG_LOSSLESS, 0xF7: JPEG_LS}
_MOST_BITS = 16
_LAST_ROWS = 16
"""Rows of the largest blocks of a JPEG: what a few missing bytes at the end can spoil."""
_FILL = b"\x5a\xa5" * 512

Decode = Callable[[bytes], NDArray[Any]]


class Frame(NamedTuple):
    """(H, W) or (H, W, samples) stored values and what the stream said of itself; flags to show with the film."""

    values: NDArray[Any]
    head: StreamHead
    flags: tuple[str, ...] = ()


def syntax_of(stream: bytes) -> str | None:
    """The transfer syntax that a stream's first bytes tell; None where they are those of no compressed image."""
    if stream.startswith(b"\xff\xd8"):
        return _BY_MARKER.get(jpeg_head(stream).marker, "")
    if stream.startswith((START, WRAPPED)):
        return JPEG_2000
    # One segment a byte of a sample, the first right behind the header of 64 bytes (PS3.5 annex G.5).
    if len(stream) > 64 and stream[1:8] == b"\0\0\0\x40\0\0\0" and 1 <= stream[0] <= 15:
        return RLE
    return None


def decode(stream: bytes, syntax: str, size_hw: tuple[int, int], rgb: bool = False, **options: Any) -> Frame:
    """The stored values of one compressed frame. ``syntax`` counts where the stream itself does not tell.

    ``rgb`` where the file says so of its colours, ``options`` are pydicom's decoding options (bits_stored,
    samples_per_pixel, …). Raises UnreadableFilm.
    """
    syntax = _agreed(syntax_of(stream), syntax)
    if syntax not in PLUGINS and syntax != JPEG_BASELINE:
        raise _unsupported()
    if syntax == RLE:
        head = StreamHead(size_hw, options["samples_per_pixel"], options.get("bits_allocated", 8), 0, exact=True)
    elif stream.startswith(b"\xff\xd8"):
        head = jpeg_head(stream)
    else:
        stream, head = bare(stream)
    if head.size_hw != size_hw or head.samples != options["samples_per_pixel"]:
        raise UnreadableFilm(
            "The DICOM file is damaged: its header and its compressed image differ in size "
            f"({size_hw[1]} × {size_hw[0]} with {options['samples_per_pixel']} samples a pixel were expected, "
            f"{head.size_hw[1]} × {head.size_hw[0]} with {head.samples} came). Export it again."
        )
    if head.bits > _MOST_BITS and syntax != RLE:
        raise _unsupported()
    reader = _reader(syntax, head, rgb, options)
    if not stream.startswith(b"\xff\xd8") or ends(stream):
        return Frame(reader(stream), head)
    return Frame((_strictly if head.marker == 0xF7 else without_end)(stream, reader), head, (END_MISSING,))


def _agreed(told: str | None, syntax: str) -> str:
    """The syntax by which a stream is decoded: its own, or the file's where that is of the same family."""
    family = {**PLUGINS, RLE: "rle"}
    if told is None or (told in family and family[told] == family.get(syntax)):
        return syntax
    return told


def _reader(syntax: str, head: StreamHead, rgb: bool, options: dict[str, Any]) -> Decode:
    """What decodes a stream with this head."""
    if syntax == JPEG_BASELINE:
        if head.bits == 8:
            return lambda stream: decode_jpeg(stream, rgb)
        if head.bits == 12 and head.samples == 1:
            return lambda stream: _decode_jpeg12(stream, head.size_hw)
        raise _unsupported()
    return lambda stream: _decode_by_plugin(stream, syntax, head, options)


def without_end(stream: bytes, reader: Decode) -> NDArray[Any]:
    """The image of a JPEG whose last marker is missing, when that is about all. Raises BrokenStream.

    Decoders fill what is missing with grey and say nothing. So two things are put in its place: where the image
    differs by what came after its data, it needed more than there was.
    """
    values, other = reader(stream + JPEG_END), reader(stream + _FILL + JPEG_END)
    rows = np.flatnonzero((values != other).reshape(len(values), -1).any(axis=1))
    if len(rows) and rows[0] < len(values) - _LAST_ROWS:
        raise incomplete()
    return values


def _strictly(stream: bytes, reader: Decode) -> NDArray[Any]:
    """The image of a JPEG-LS without its end, whose decoder refuses what is not complete, and the byte that pads it."""
    try:
        return reader(stream + JPEG_END)
    except BrokenStream:
        return reader(stream.removesuffix(b"\0") + JPEG_END)


def _decode_jpeg12(stream: bytes, size_hw: tuple[int, int]) -> NDArray[np.uint16]:
    """(H, W) of a 12-bit grey JPEG, which pydicom's own GDCM plugin leaves out.

    It declares fewer bits stored to GDCM than the stream holds, and overshoots wrap around; twelve are declared here.
    """
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((size_hw[1], size_hw[0], 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(JPEG_EXTENDED)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    try:
        with hushed():
            values = image.GetBuffer().encode("utf-8", "surrogateescape")
        return np.frombuffer(values, dtype="<u2").reshape(size_hw)
    except MemoryError:
        raise
    except Exception:
        raise refused() from None


def _decode_by_plugin(stream: bytes, syntax: str, head: StreamHead, options: dict[str, Any]) -> NDArray[Any]:
    # What the stream holds decides, not what the file says of it: GDCM ends the process where the two differ.
    told = {} if syntax == RLE else {"bits_stored": head.bits, "bits_allocated": 8 if head.bits <= 8 else 16}
    size = {"rows": head.size_hw[0], "columns": head.size_hw[1], "number_of_frames": 1}
    given = options | told | size | {"pixel_keyword": "PixelData"}
    try:
        with hushed() if PLUGINS[syntax] == "gdcm" else nullcontext():
            pixels, _ = get_decoder(syntax).as_array(
                encapsulate([stream], has_bot=False),
                index=0,
                validate=False,
                raw=True,
                decoding_plugin=PLUGINS[syntax],
                **given,
            )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        # The plugins raise whatever their libraries do, and the messages may quote the file. The RLE plugin is
        # written in Rust: its panic on a damaged stream is no Exception.
        raise refused() from None
    return np.asarray(pixels)


def _unsupported() -> BrokenStream:
    return BrokenStream(
        "The DICOM file is compressed in a way that is not supported (hierarchical JPEG, video and more than 16 bits "
        "among them): export it uncompressed."
    )
