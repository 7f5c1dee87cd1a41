"""How a film is shown: a small picture of it, and the colours and dashes of what is drawn on it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.radiograph import Radiograph

PREVIEW_BYTES = 200_000

COLOURS = ("#56b4e9", "#e69f00", "#f0e442", "#cc79a7", "#2fc49a", "#ff7f3f")
"""Okabe and Ito's palette for all kinds of colour vision, green and vermilion lightened to stand out on a film."""

DASHES = ("", "9 5", "2 4", "12 4 2 4", "5 3")
"""Dash patterns in screen pixels. Five dashes and six colours: the pair repeats after thirty phrases."""

MARK_COLOUR = "#7fe3ff"
"""Of a reader's lengths, angles, arrows and the like."""

GUESS_DASH = "3 4"
"""The dash of a box that is a guess: drawn thin, whatever the phrase's own dash is."""

READER_RIM = "#ffffff"
"""The rim of a box that a reader drew, never dashed, in place of the dark one of the model's."""


def line_of(number: int) -> tuple[str, str]:
    """Colour (#rrggbb) and dash (as SVG's stroke-dasharray, "" for solid) of the phrase with this number, from 0."""
    return COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]


def preview(film: Radiograph, side: int = 1600) -> bytes:
    """A JPEG of the film, its longer side at most ``side`` pixels, and at most 200 kB where JPEG can."""
    height, width = film.size_hw
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = film.pixels if scale == 1.0 else cv2.resize(film.pixels, size, interpolation=cv2.INTER_AREA)
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    for quality in (90, 80, 65):
        encoded = _jpeg(grey, quality)
        if len(encoded) <= PREVIEW_BYTES:
            return encoded
    return _jpeg(grey, 40)


def _jpeg(grey: NDArray[np.uint8], quality: int) -> bytes:
    done, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("The picture could not be encoded.")
    return encoded.tobytes()
