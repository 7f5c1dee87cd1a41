"""Colour to the grey that a film has: luminance of RGB, the first plane of YCbCr, the colours of a palette."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.errors import UnreadableFilm
from lofi.film.elements import Elements
from lofi.film.table import table_of

_STRIPE = 256
_WEIGHTS = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601), which YCbCr of DICOM and JPEG is made with."""
_PALETTES = ((0x0028_1101, 0x0028_1201), (0x0028_1102, 0x0028_1202), (0x0028_1103, 0x0028_1203))
_PARTIAL = (16, 219)
"""Least value and range of Y in YBR_PARTIAL_422 (PS3.3 C.7.6.3.1.2)."""


def luminance(colour: NDArray[Any], greatest: int) -> NDArray[np.float32]:
    """(H, W) float32 in 0–1 of (H, W, 3) RGB integers up to ``greatest``."""
    weights = np.array([_WEIGHTS], dtype=np.float32) / greatest
    grey = np.empty(colour.shape[:2], dtype=np.float32)
    # By stripes: three floats a pixel would be a gigabyte on the largest image.
    for row in range(0, len(grey), _STRIPE):
        stripe = colour[row : row + _STRIPE].astype(np.float32)
        grey[row : row + _STRIPE] = np.clip(cv2.transform(stripe, weights), 0.0, 1.0)
    return grey


def first_plane(values: NDArray[Any], photometric: str, greatest: int) -> NDArray[np.float32]:
    """(H, W) float32 in 0–1 of the Y of YCbCr, which is the grey picture."""
    least, span = _PARTIAL if photometric == "YBR_PARTIAL_422" else (0, greatest)
    return np.asarray(np.clip((values.astype(np.float32) - least) / np.float32(span), 0.0, 1.0))


def palette(index: NDArray[np.uint16], elements: Elements) -> NDArray[np.float32]:
    """(H, W) float32 in 0–1 of the luminance of palette colours. Raises UnreadableFilm without a palette."""
    tables = [table_of(elements, False, descriptor, data) for descriptor, data in _PALETTES]
    red, green, blue = tables
    if red is None or green is None or blue is None:
        raise UnreadableFilm(
            "The DICOM image has palette colours, but not the three tables that they need: export it as a grey image."
        )
    values = np.arange(65536, dtype=np.float64)
    levels = _WEIGHTS[0] * red.of(values) + _WEIGHTS[1] * green.of(values) + _WEIGHTS[2] * blue.of(values)
    # Many writers put values of 8 bits into tables that they describe as those of 16.
    greatest = 255 if max(table.entries.max() for table in (red, green, blue)) < 256 else 65535
    return np.asarray((levels / greatest).astype(np.float32)[index])
