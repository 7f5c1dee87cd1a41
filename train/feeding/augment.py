"""Box-aware augmentation on canvases. Never a horizontal flip: left and right are part of the label."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; ``scale`` and ``shift`` relative, ``angle`` in degrees, ``gamma`` as a factor,
    ``brightness`` of black to white.
    """

    scale: float = 0.15
    shift: float = 0.06
    angle: float = 6.0
    gamma: float = 0.35
    contrast: float = 0.2
    noise: float = 0.02
    brightness: float = 0.08


UNCHANGED = Augmentation(scale=0, shift=0, angle=0, gamma=0, contrast=0, noise=0, brightness=0)
"""Films as they are."""


def random_affine(rng: np.random.Generator, side: int, ranges: Augmentation) -> NDArray[np.float64]:
    """(2, 3) pixel affine about the canvas centre: scale, small rotation, shift. No reflection."""
    angle = rng.uniform(-ranges.angle, ranges.angle)
    scale = np.exp(rng.uniform(-ranges.scale, ranges.scale))
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale), dtype=np.float64)
    matrix[:, 2] += rng.uniform(-ranges.shift, ranges.shift, 2) * side
    return matrix


def apply(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], rng: np.random.Generator, ranges: Augmentation
) -> NDArray[np.float32]:
    """(S, S) float32 in 0–1: the canvas moved by ``matrix``, its exposure changed, a little noise added."""
    side = pixels.shape[0]
    canvas = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    canvas = canvas ** np.float32(np.exp(rng.uniform(-ranges.gamma, ranges.gamma)))
    gain = np.float32(np.exp(rng.uniform(-ranges.contrast, ranges.contrast)))
    canvas = (canvas - 0.5) * gain + 0.5 + np.float32(rng.uniform(-ranges.brightness, ranges.brightness))
    if ranges.noise:
        canvas = canvas + rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(rng.uniform(0, ranges.noise))
    return np.clip(canvas, 0, 1).astype(np.float32)
