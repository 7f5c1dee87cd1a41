"""Every film at every sharpness: what a film has gone through before it arrives must not tell what is on it.

A canvas is degraded (size, compression, blur, noise), re-toned (gamma, contrast, histogram) and moved (scale, shift,
borders); boxes move with it. Never mirrored: left and right are part of the answer.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.densely.answers import Box

Grey = NDArray[np.float32]
_SMALLEST, _LARGEST = 96, 448


@dataclass(frozen=True)
class Move:
    """Scale about the canvas centre, then shift; in 0–1 of the canvas."""

    scale: float = 1.0
    shift_xy: tuple[float, float] = (0.0, 0.0)

    def box(self, box: Box) -> Box:
        """The box after the move; it may reach outside 0–1."""
        x, y = self.shift_xy
        x0, y0, x1, y1 = ((v - 0.5) * self.scale + 0.5 for v in box)
        return (x0 + x, y0 + y, x1 + x, y1 + y)

    def film(self, canvas: Grey, fill: float) -> Grey:
        """The (S, S) canvas after the move, what comes in from outside filled."""
        side = canvas.shape[0]
        x, y = (side * ((1 - self.scale) / 2 + shift) for shift in self.shift_xy)
        # warpAffine speaks of pixel centres, boxes of edges: half a pixel lies between them
        half = (self.scale - 1) / 2
        matrix = np.array([[self.scale, 0, x + half], [0, self.scale, y + half]], np.float32)
        border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": float(fill)}
        return np.asarray(cv2.warpAffine(canvas, matrix, (side, side), **border), np.float32)


def inside(box: Box) -> Box | None:
    """The box cut to the canvas; None where less than 40 % of it is left."""
    x0, y0, x1, y1 = (min(1.0, max(0.0, v)) for v in box)
    whole = (box[2] - box[0]) * (box[3] - box[1])
    return (x0, y0, x1, y1) if (x1 - x0) * (y1 - y0) >= 0.4 * whole > 0 else None


def random_move(rng: np.random.Generator) -> Move:
    """Border cut or added, film off its centre."""
    x, y = rng.uniform(-0.07, 0.07, 2)
    return Move(float(rng.uniform(0.82, 1.2)), (float(x), float(y)))


def _compressed(grey: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    quality = int(rng.integers(25, 95))
    kind, flag = (".jpg", cv2.IMWRITE_JPEG_QUALITY) if rng.random() < 0.5 else (".webp", cv2.IMWRITE_WEBP_QUALITY)
    return np.asarray(cv2.imdecode(cv2.imencode(kind, grey, [flag, quality])[1], cv2.IMREAD_GRAYSCALE), np.uint8)


def degrade(canvas: NDArray[np.uint8], rng: np.random.Generator) -> Grey:
    """(S, S) bytes → (S, S) in 0–1, as if the film had been stored small, compressed, soft or noisy."""
    side, grey = canvas.shape[0], canvas
    if rng.random() < 0.8:
        target = int(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        down = cv2.INTER_AREA if rng.random() < 0.8 else cv2.INTER_LINEAR
        grey = np.asarray(cv2.resize(grey, (target, target), interpolation=down), np.uint8)
    if rng.random() < 0.5:
        grey = _compressed(grey, rng)
    if grey.shape[0] != side:
        up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]
        grey = np.asarray(cv2.resize(grey, (side, side), interpolation=up), np.uint8)
    out = grey.astype(np.float32) / 255
    chance = rng.random()
    if chance < 0.2:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.5)))
    elif chance < 0.35:  # sharpened, as viewers and scanners do
        out = out + float(rng.uniform(0.3, 1.2)) * (out - cv2.GaussianBlur(out, (0, 0), float(rng.uniform(1, 3))))
    if rng.random() < 0.25:
        out = out + rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(0.005, 0.03))
    return np.clip(out, 0, 1).astype(np.float32)


def retone(film: Grey, rng: np.random.Generator) -> Grey:
    """Another gamma, contrast and brightness, now and then drawn towards an even histogram."""
    if rng.random() < 0.25:
        values = (film * 255).astype(np.uint8)
        ranks = np.cumsum(np.bincount(values.ravel(), minlength=256)).astype(np.float32) / values.size
        share = np.float32(rng.uniform(0.3, 1.0))
        film = (1 - share) * film + share * ranks[values]
    film = np.power(film, np.float32(rng.uniform(0.65, 1.5)))
    film = (film - 0.5) * np.float32(rng.uniform(0.75, 1.2)) + 0.5 + np.float32(rng.uniform(-0.08, 0.08))
    return np.clip(film, 0, 1).astype(np.float32)


def augmented(canvas: NDArray[np.uint8], side: int, rng: np.random.Generator) -> tuple[Grey, Move]:
    """A (S, S) canvas of bytes → a (side, side) film in 0–1, and the move for its boxes."""
    move = random_move(rng)
    film = retone(degrade(canvas, rng), rng)
    fill = 0.0 if rng.random() < 0.7 else float(rng.uniform(0, 1))
    film = move.film(film, fill)
    if side != film.shape[0]:
        film = np.asarray(cv2.resize(film, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    return film, move
