"""Compressed pixel data: sizes read from the stream before any decoder sees it, then decoded by one plugin each.

Decoders allocate by what the stream itself claims, so that claim is compared with the header first.
"""

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
from lofi.film.jpeg import jpeg_head, jpeg_segments
from lofi.film.jpeg2000 import bare
from lofi.film.stream import refused

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
    except MemoryError:
        raise
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
    except MemoryError:
        raise
    except Exception:
        raise refused() from None


def decode(stream: bytes, syntax: str, size_hw: tuple[int, int], **options: Any) -> NDArray[Any]:
    """Stored values (H, W) or (H, W, samples) of one compressed frame.

    ``options`` are pydicom's decoding options (bits_stored, samples_per_pixel, …). Raises UnreadableFilm.
    """
    if syntax not in PLUGINS and syntax not in (JPEG_BASELINE, JPEG_EXTENDED):
        raise _unsupported()
    if syntax != RLE:
        lossy_jpeg = syntax in (JPEG_BASELINE, JPEG_EXTENDED)
        jpeg_family = lossy_jpeg or stream[:2] == b"\xff\xd8"
        if jpeg_family:
            head = jpeg_head(stream)
        else:
            stream, head = bare(stream)
        if head.size_hw != size_hw or head.samples != options["samples_per_pixel"]:
            raise UnreadableFilm(
                "The DICOM file is damaged: its header and its compressed image differ in size. Export it again."
            )
        if lossy_jpeg and head.bits == 8 and head.marker in LOSSY:
            return decode_jpeg(stream)
        if lossy_jpeg and head.bits == 12 and head.marker in LOSSY[:2] and head.samples == 1:
            return _decode_jpeg12(stream, size_hw)
    if syntax not in PLUGINS:
        raise _unsupported()
    options |= {"rows": size_hw[0], "columns": size_hw[1], "number_of_frames": 1, "pixel_keyword": "PixelData"}
    try:
        pixels, _ = get_decoder(syntax).as_array(
            encapsulate([stream], has_bot=False), index=0, validate=False, decoding_plugin=PLUGINS[syntax], **options
        )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        # The plugins raise whatever their libraries do, and the messages may quote the file. The RLE plugin is
        # written in Rust: its panic on a damaged stream is no Exception.
        raise refused() from None
    return np.asarray(pixels)


def _unsupported() -> UnreadableFilm:
    return UnreadableFilm(
        "The DICOM file is compressed in a way that is not supported (hierarchical JPEG and video among them): "
        "export it uncompressed."
    )
