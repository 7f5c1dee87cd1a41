"""Nodules and masses drawn into films that have none: the smallest findings, for free.

A rounded, slightly uneven disc with a soft edge attenuates by a fixed share: on the film it is brighter in the dark
lung than over the bright rib, as projection makes it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.densely.answers import Box

MARGIN = (1.05, 1.45)
"""How much wider readers' boxes are than what they mean."""
OPACITY = {"nodule": (0.12, 0.35), "mass": (0.12, 0.4)}
"""Shares of the light that the middle takes away."""


def _profile(
    side: int, centre_xy: tuple[float, float], radii_xy: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(side, side) thickness in 0–1 of a blob: a spheroid whose outline wavers by about a tenth."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    u, v = (x - centre_xy[0]) / radii_xy[0], (y - centre_xy[1]) / radii_xy[1]
    angle = np.arctan2(v, u)
    outline = 1 + sum(rng.uniform(-0.08, 0.08) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 5))
    depth = np.sqrt(np.clip(1 - (u * u + v * v) / (outline * outline), 0, 1))
    soft = max(0.6, float(np.sqrt(radii_xy[0] * radii_xy[1])) * rng.uniform(0.08, 0.3))
    return np.asarray(cv2.GaussianBlur(depth.astype(np.float32), (0, 0), soft))


def draw(canvas: NDArray[np.uint8], box: Box, concept: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The (S, S) canvas with a nodule or a mass where a reader would draw ``box`` (0–1) around it."""
    side, margin = canvas.shape[0], rng.uniform(*MARGIN)
    centre = ((box[0] + box[2]) / 2 * side, (box[1] + box[3]) / 2 * side)
    radii = (max(1.0, (box[2] - box[0]) * side / 2 / margin), max(1.0, (box[3] - box[1]) * side / 2 / margin))
    depth = _profile(side, centre, radii, rng)
    film = canvas.astype(np.float32) / 255
    film = 1 - (1 - film) * (1 - np.float32(rng.uniform(*OPACITY[concept])) * depth)
    return np.asarray(np.round(film * 255), dtype=np.uint8)
