"""The X-ray beam: rays from a point source through the chest onto a square film, and sums along them.

Space is in millimetres: x to the patient's left (right of the picture), y towards the feet, z to the front.
Large organs are implicit functions, positive inside, summed slab by slab;
bones and vessels are clouds of weighted points.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""(H, W) film map, or coordinates that broadcast to one."""

Field = Callable[[Map, Map, Map], Map]
"""Implicit solid: (x, y, z) in mm to a signed value, positive inside and about linear in mm near its surface."""


@dataclass(frozen=True)
class Beam:
    """Geometry of one exposure. ``film_z`` and ``source_z`` are planes; PA has the film in front, AP behind."""

    side: int
    film_mm: float
    film_z: float
    source_z: float
    source_y: float
    centre_x: float
    centre_y: float
    yaw: float = 0.0

    @property
    def pixel_mm(self) -> float:
        return self.film_mm / self.side

    def shrink(self, z: float | Map) -> Map:
        """Object size over film size at depth z: 1 on the film, less towards the source."""
        return np.asarray((z - self.source_z) / (self.film_z - self.source_z), dtype=np.float32)

    def rays(self, z: float) -> tuple[Map, Map, Map]:
        """X (1, W), y (H, 1), z (1, 1): where the ray of each pixel crosses the plane z."""
        film = (np.arange(self.side, dtype=np.float32) + 0.5) * self.pixel_mm - self.film_mm / 2
        scale = self.shrink(z)
        x = (film + self.centre_x) * scale - np.float32(self.yaw * z)
        y = self.source_y + (film + self.centre_y - self.source_y) * scale
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32), np.full((1, 1), z, np.float32)

    def project(self, points: NDArray[np.float32]) -> tuple[Map, Map, Map]:
        """(N, 3) mm to pixel column, pixel row (0 at the outer edge) and the shrink at each point."""
        scale = self.shrink(points[:, 2])
        u = (points[:, 0] + self.yaw * points[:, 2]) / scale - self.centre_x
        v = self.source_y + (points[:, 1] - self.source_y) / scale - self.centre_y
        half = self.film_mm / 2
        column, row = (u + half) / self.pixel_mm, (v + half) / self.pixel_mm
        return column.astype(np.float32), row.astype(np.float32), scale

    def splat(self, points: NDArray[np.float32], weights: NDArray[np.float32]) -> Map:
        """(H, W) ray sums of point masses (attenuation per mm times mm³), gathered in quarter pixels; mass is kept."""
        column, row, scale = self.project(points)
        fine = 2 * self.side
        inside = (column > 0) & (column < self.side) & (row > 0) & (row < self.side)
        mass = weights[inside] / (self.pixel_mm * scale[inside]) ** 2
        cell = (2 * row[inside]).astype(np.int32) * np.int32(fine) + (2 * column[inside]).astype(np.int32)
        total = np.bincount(cell, mass, minlength=fine * fine)[: fine * fine].astype(np.float32)
        return np.asarray(total.reshape(self.side, 2, self.side, 2).sum((1, 3)), dtype=np.float32)

    def ball(self, centre: NDArray[np.float32], radii: tuple[float, float]) -> Map:
        """(H, W) chord in mm through a spheroid of in-plane radii (x, y); its depth is their mean."""
        x, y, _ = self.rays(float(centre[2]))
        gap = 1 - ((x - centre[0]) / radii[0]) ** 2 - ((y - centre[1]) / radii[1]) ** 2
        return np.asarray((radii[0] + radii[1]) * np.sqrt(np.maximum(gap, 0)), dtype=np.float32)

    def slabs(self, low: float, high: float, step: float) -> Iterator[tuple[float, float, tuple[Map, Map, Map]]]:
        """Planes z from low to high with their spacing and the rays' crossings, for trapezoid sums."""
        count = max(2, round((high - low) / step) + 1)
        for z in np.linspace(low, high, count):
            yield float(z), (high - low) / (count - 1), self.rays(float(z))


def coverage(before: Map, after: Map) -> Map:
    """Share of the step between two planes that lies inside, were the implicit function linear between them."""
    inner = np.maximum(before, 0) + np.maximum(after, 0)
    return np.asarray(inner / (np.abs(before) + np.abs(after) + np.float32(1e-6)), dtype=np.float32)


def soften(image: Map, sigma: float) -> Map:
    """Gaussian blur by ``sigma`` pixels; wide kernels run on a smaller copy."""
    if sigma < 0.2:
        return image
    if sigma <= 8:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)
    factor = int(sigma // 4)
    height, width = image.shape
    small = cv2.resize(image, (max(8, width // factor), max(8, height // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
