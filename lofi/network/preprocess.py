"""The one way from a film's pixels to the canvas of the image tower: training, indexing and the app share it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.film.stretch import stretch
from lofi.network.config import Preprocessing
from lofi.network.frame import Frame


def canvas(pixels: NDArray[np.float32], settings: Preprocessing) -> tuple[NDArray[np.float32], Frame]:
    """(side, side) float32 canvas in 0–1 of an (H, W) film in 0–1, and the Frame that maps boxes onto it."""
    frame = Frame(size_hw=(pixels.shape[0], pixels.shape[1]), side=settings.side)
    rendered = frame.render(softened(pixels, settings.detail))
    x, y = frame.offset_xy
    height, width = frame.placed_hw
    # The stretch runs on the scaled film alone: padding must not move its percentiles, and averaging has
    # already tamed single hot pixels.
    placed = rendered[y : y + height, x : x + width]
    placed[...] = stretch(placed.copy(), settings.low, settings.high)
    return rendered, frame


def softened(pixels: NDArray[np.float32], detail: int) -> NDArray[np.float32]:
    """The (H, W) film with at most ``detail`` pixels on its longer side, area-averaged; 0 leaves it as it is."""
    height, width = pixels.shape
    scale = detail / max(height, width)
    if not 0 < scale < 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
