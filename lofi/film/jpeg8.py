"""The usual JPEG, of 8 bits, by Pillow: without its metadata, its colours as file and stream together say."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin

from lofi.film.exposure import check_size
from lofi.film.jpeg import jpeg_head, jpeg_segments
from lofi.film.stream import refused

_ADOBE_RGB = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
"""Adobe's segment that says: three components, not transformed. Without it, decoders guess."""


def decode_jpeg(stream: bytes, rgb: bool = False) -> NDArray[Any]:
    """(H, W) or (H, W, 3) uint8 of an 8-bit JPEG; ``rgb`` where the file says that its colours are not transformed.

    Decoders take components for YCbCr unless a segment of the stream or the components' names say otherwise. Where
    neither does, the file's word counts.
    """
    head = jpeg_head(stream)
    check_size(*head.size_hw, head.samples)
    # Pillow reads Exif and MPO at opening and warns about broken ones; of the APPn segments only Adobe's matters.
    kept = [stream[:2]]
    segments = jpeg_segments(stream)
    if rgb and head.samples == 3 and not any(marker in (0xE0, 0xEE) for marker, _, _ in segments):
        kept.append(_ADOBE_RGB)
    for marker, at, end in segments:
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
