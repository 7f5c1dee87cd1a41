"""All that a worker may ever import, imported once: afterwards it can hardly open a file."""

import zlib
from codecs import lookup
from contextlib import suppress
from importlib import import_module

import cv2
import numpy as np
from pydicom.pixels.decoders.base import get_decoder

from lofi.errors import LofiError
from lofi.film import charset, vocabulary
from lofi.film.codestream import PLUGINS
from lofi.film.radiograph import Radiograph

_LATE = (
    *("gdcm", "openjpeg", "openjpeg.utils", "rle", "rle.utils", "jpeg_ls", "_strptime"),
    *("PIL.BmpImagePlugin", "PIL.PpmImagePlugin", "PIL.GifImagePlugin", "PIL.JpegPresets", "PIL.ImageCms"),
)
"""What pydicom's plugins, Pillow and Python itself import when they meet their first image or date."""


def warm() -> None:
    """Import every decoder, and read one small picture of each of the usual kinds."""
    cv2.setNumThreads(1)  # no threads: what a worker gives up is given up by a thread, and it may start none later
    for name in _LATE:
        with suppress(ImportError):
            import_module(name)
    for syntax in PLUGINS:
        get_decoder(syntax)
    for encoding in {*charset.CODECS, *vocabulary.CODECS}:
        with suppress(LookupError):
            lookup(encoding)
    zlib.decompressobj()
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    grey = (ramp >> 8).astype(np.uint8)
    for suffix, values in (
        (".png", ramp),
        (".png", np.dstack([ramp] * 3)),
        (".jpg", grey),
        (".webp", np.dstack([grey] * 3)),
    ):
        with suppress(LofiError):
            Radiograph.read(bytes(cv2.imencode(suffix, values)[1]))
