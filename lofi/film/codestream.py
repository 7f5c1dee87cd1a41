"""Compressed pixel data: sizes read from the stream before any decoder sees it, then decoded by one plugin each.

Decoders allocate by what the stream itself claims, so that claim is compared with the header first.
"""

import re
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import gdcm  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from lofi.errors import UnreadableFilm
from lofi.film.exposure import check_size

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
RLE = "1.2.840.10008.1.2.5"

PLUGINS = {
    JPEG_LOSSLESS: "gdcm",
    "1.2.840.10008.1.2.4.57": "gdcm",
    JPEG_LS: "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.4.201": "pylibjpeg",
    "1.2.840.10008.1.2.4.202": "pylibjpeg",
    "1.2.840.10008.1.2.4.203": "pylibjpeg",
    RLE: "pylibjpeg",
}
"""Transfer syntax → the one permissively licensed pydicom plugin that decodes it (JPEG itself is Pillow's)."""

LOSSY = (0xC0, 0xC1, 0xC2)
"""Start-of-frame bytes of the JPEG kinds that Pillow decodes: baseline, extended, progressive."""
_REFUSED = "The compressed image is damaged or of a kind that is not supported: export it uncompressed."
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_MAX_SEGMENTS = 10_000


@dataclass(frozen=True)
class StreamHead:
    """What a JPEG, JPEG-LS or JPEG 2000 stream says of itself. ``marker`` is its start-of-frame byte."""

    size_hw: tuple[int, int]
    samples: int
    bits: int
    marker: int


def refused() -> UnreadableFilm:
    """The refusal of a stream that cannot be decoded."""
    return UnreadableFilm(_REFUSED)


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
        if marker == 0xDA:
            return found
        at = end
    raise refused()


def jpeg_head(stream: bytes) -> StreamHead:
    """Size, samples and precision of a JPEG or JPEG-LS stream. Raises UnreadableFilm."""
    for marker, at, end in jpeg_segments(stream):
        # Start of frame: C0–CF without DHT, JPG and DAC; F7 is JPEG-LS.
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            if end - at < 10:
                raise refused()
            bits, height, width, samples = struct.unpack_from(">BHHB", stream, at + 4)
            return StreamHead((height, width), samples, bits, marker)
    raise refused()


def _jpeg2000_head(stream: bytes) -> StreamHead:
    """From the SIZ segment, ISO 15444-1 A.5.1; a file wrapper (JP2) before the stream is skipped."""
    start = 0 if stream[:4] == b"\xff\x4f\xff\x51" else stream.find(b"\xff\x4f\xff\x51")
    if start < 0 or start + 43 > len(stream):
        raise refused()
    width, height, left, top = struct.unpack_from(">4L", stream, start + 8)
    samples, precision = struct.unpack_from(">HB", stream, start + 40)
    return StreamHead((height - top, width - left), samples, (precision & 0x7F) + 1, 0x51)


def decode_jpeg(stream: bytes) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) of an 8-bit JPEG. Its metadata segments are left out: Pillow never parses them."""
    head = jpeg_head(stream)
    check_size(*head.size_hw, head.samples)
    # Pillow reads Exif and MPO at opening and warns about broken ones; of the APPn segments only Adobe's matters.
    kept = [stream[:2]]
    for marker, at, end in (segments := jpeg_segments(stream)):
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in (0xE0, 0xEE):
            kept.append(stream[at:end])
    kept.append(stream[segments[-1][2] :])
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(b"".join(kept)))
        return np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except Exception:
        # Pillow raises half a dozen types, SyntaxError among them; each means the same to a person.
        raise refused() from None


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
        values = image.GetBuffer().encode("utf-8", "surrogateescape")
        return np.frombuffer(values, dtype="<u2").reshape(size_hw)
    except Exception:
        raise refused() from None


def decode(stream: bytes, syntax: str, size_hw: tuple[int, int], **options: Any) -> NDArray[Any]:
    """Stored values (H, W) or (H, W, samples) of one compressed frame.

    ``options`` are pydicom's decoding options (bits_stored, samples_per_pixel, …). Raises UnreadableFilm.
    """
    if syntax != RLE:
        lossy_jpeg = syntax in (JPEG_BASELINE, JPEG_EXTENDED)
        jpeg_family = lossy_jpeg or stream[:2] == b"\xff\xd8"
        head = jpeg_head(stream) if jpeg_family else _jpeg2000_head(stream)
        if head.size_hw != size_hw or head.samples != options["samples_per_pixel"]:
            raise UnreadableFilm(
                "The DICOM file is damaged: its header and its compressed image differ in size. Export it again."
            )
        if lossy_jpeg and head.bits == 8 and head.marker in LOSSY:
            return decode_jpeg(stream)
        if lossy_jpeg and head.bits == 12 and head.marker in LOSSY[:2] and head.samples == 1:
            return _decode_jpeg12(stream, size_hw)
    if syntax not in PLUGINS:
        raise UnreadableFilm(
            "The DICOM file is compressed in a way that is not supported (hierarchical JPEG and video among them): "
            "export it uncompressed."
        )
    options |= {"rows": size_hw[0], "columns": size_hw[1], "number_of_frames": 1, "pixel_keyword": "PixelData"}
    try:
        pixels, _ = get_decoder(syntax).as_array(
            encapsulate([stream], has_bot=False), index=0, validate=False, decoding_plugin=PLUGINS[syntax], **options
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        # The plugins raise whatever their libraries do, and the messages may quote the file. The RLE plugin is
        # written in Rust: its panic on a damaged stream is no Exception.
        raise refused() from None
    return np.asarray(pixels)
