"""Letterbox geometry: how a film lies in the square canvas that the image tower sees."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes


@dataclass(frozen=True)
class Frame:
    """Film of ``size_hw`` pixels, scaled to fit a square canvas of ``side`` pixels and centred in it.

    Boxes and points map between the film (0–1 of the film) and the canvas (0–1 of the canvas), both ways.
    """

    size_hw: tuple[int, int]
    side: int

    @property
    def placed_hw(self) -> tuple[int, int]:
        """(height, width) in canvas pixels of the scaled film; the longer side fills the canvas."""
        height, width = self.size_hw
        scale = self.side / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    @property
    def offset_xy(self) -> tuple[int, int]:
        """(x, y) canvas pixel at which the scaled film begins."""
        height, width = self.placed_hw
        return (self.side - width) // 2, (self.side - height) // 2

    def _scale_and_shift(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        height, width = self.placed_hw
        scale = np.array([width, height], dtype=np.float64) / self.side
        return scale, np.array(self.offset_xy, dtype=np.float64) / self.side

    def to_canvas(self, boxes: Boxes) -> Boxes:
        """(M, 4) film boxes to canvas boxes."""
        scale, shift = self._scale_and_shift()
        return boxes * np.tile(scale, 2) + np.tile(shift, 2)

    def to_film(self, boxes: Boxes) -> Boxes:
        """(M, 4) canvas boxes to film boxes; may reach outside 0–1 where a box lies in the padding."""
        scale, shift = self._scale_and_shift()
        return (boxes - np.tile(shift, 2)) / np.tile(scale, 2)

    def points_to_canvas(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, 2) film points (x, y) to canvas points."""
        scale, shift = self._scale_and_shift()
        return points * scale + shift

    def points_to_film(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, 2) canvas points (x, y) to film points."""
        scale, shift = self._scale_and_shift()
        return (points - shift) / scale

    def render(self, pixels: NDArray[np.float32], fill: float = 0.0) -> NDArray[np.float32]:
        """(side, side) float32 canvas of an (H, W) film: area-averaged down, linear up, padded with ``fill``."""
        height, width = self.placed_hw
        shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
        scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        canvas = np.full((self.side, self.side), fill, dtype=np.float32)
        x, y = self.offset_xy
        canvas[y : y + height, x : x + width] = scaled
        return canvas
