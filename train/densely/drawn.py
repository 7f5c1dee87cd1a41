"""Nodules and masses drawn into films that have none: exact boxes for the smallest findings, for free.

A rounded, slightly uneven disc with a soft edge attenuates by a fixed share: on the film it is brighter in the dark
lung than over the bright rib, as projection makes it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.densely.answers import Box


def _profile(side: int, centre_xy: tuple[float, float], radius: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """(side, side) thickness in 0–1 of a blob: a spheroid whose outline wavers by about a tenth."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    turn, squeeze = rng.uniform(0, np.pi), rng.uniform(0.75, 1.0)
    dx, dy = x - centre_xy[0], y - centre_xy[1]
    u, v = np.cos(turn) * dx + np.sin(turn) * dy, (-np.sin(turn) * dx + np.cos(turn) * dy) / squeeze
    angle = np.arctan2(v, u)
    outline = radius * (1 + sum(rng.uniform(-0.08, 0.08) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 5)))
    depth = np.sqrt(np.clip(1 - (u * u + v * v) / (outline * outline), 0, 1))
    return np.asarray(cv2.GaussianBlur(depth.astype(np.float32), (0, 0), max(0.6, radius * rng.uniform(0.08, 0.3))))


def place_in(lung: Box, radius: float, rng: np.random.Generator) -> tuple[float, float]:
    """A point (x, y) of the canvas inside the ellipse of a lung's box, a radius off its edge."""
    x0, y0, x1, y1 = lung
    far, angle = np.sqrt(rng.uniform(0, 1)) * 0.85, rng.uniform(0, 2 * np.pi)
    half_x, half_y = max(0.01, (x1 - x0) / 2 - radius), max(0.01, (y1 - y0) / 2 - radius)
    return (x0 + x1) / 2 + half_x * far * np.cos(angle), (y0 + y1) / 2 + half_y * far * np.sin(angle)


def draw(canvas: NDArray[np.uint8], lung: Box, mass: bool, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Box]:
    """The (S, S) canvas with a nodule (or ``mass``) drawn in the lung, and the exact box of what is visible of it.

    A nodule measures up to 3 cm by definition, a lung's box about 12 cm across.
    """
    side = canvas.shape[0]
    centimetre = (lung[2] - lung[0]) / 12
    radius = centimetre * (rng.uniform(1.6, 3.2) if mass else rng.uniform(0.5, 1.5))
    x, y = place_in(lung, radius, rng)
    depth = _profile(side, (x * side, y * side), radius * side, rng)
    opacity = np.float32(rng.uniform(0.12, 0.4) if mass else rng.uniform(0.12, 0.35))
    film = canvas.astype(np.float32) / 255
    film = 1 - (1 - film) * (1 - opacity * depth)
    rows, columns = (np.flatnonzero((depth > 0.35).any(axis)) for axis in (1, 0))
    if len(rows) == 0 or len(columns) == 0:
        rows = columns = np.array([0])
    box = (columns[0] / side, rows[0] / side, (columns[-1] + 1) / side, (rows[-1] + 1) / side)
    return np.round(film * 255).astype(np.uint8), box
