"""Whether a picture looks like a frontal chest film: a small statistical check on a thumbnail, numpy alone.

A 32 × 32 thumbnail of grey-level ranks (windows differ, the order of grey levels hardly does) is described by its
leading principal components, what they leave over, its mirror symmetry and its shape; a logistic function of these
and their squares gives the probability. ``train/frontal.py`` fits and measures it: of 1,369 frontal films of the val
and test splits it flags 5 (0.4 %), of 19 lateral ones 18, of 12 other radiographs and CT slices all. The parameters
hold a mean and a few components of thousands of thumbnails: no single film can be recovered from them.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
_GRID = 400
"""Rows and columns, at least, that a thumbnail is made of where the film has more."""
_PARAMETERS = Path(__file__).parent / "frontal.json"


def thumbnail(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """(1024,) ranks in 0–1 of a 32 × 32 squashed (H, W) film; equal levels share a rank."""
    # A hundred and fifty pixels tell the mean of a cell as well as ten thousand, in a fraction of the time.
    few = np.ascontiguousarray(pixels[:: max(1, len(pixels) // _GRID), :: max(1, pixels.shape[1] // _GRID)])
    small = cv2.resize(few, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # Sixty-four levels, so that noise in an empty background is no pattern.
    low, high = np.percentile(small, (1, 99))
    levels = np.round(63 * np.clip((small.ravel() - low) / max(float(high - low), 1e-6), 0, 1)).astype(np.int64)
    counts = np.bincount(levels, minlength=64)
    return np.asarray(((np.cumsum(counts) - counts / 2) / levels.size)[levels], dtype=np.float64)


def symmetry(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4,) correlations of a thumbnail with its mirror images: left–right, top–bottom, and in each half."""
    grid = ranks.reshape(SIDE, SIDE)
    half = SIDE // 2
    pairs = (
        (grid, grid[:, ::-1]),
        (grid, grid[::-1]),
        (grid[:half], grid[:half, ::-1]),
        (grid[half:], grid[half:, ::-1]),
    )
    return np.array([_correlation(first, second) for first, second in pairs])


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1e-9 else 0.0


@dataclass(frozen=True)
class FrontalCheck:
    """Fitted parameters: ``mean`` (1024,), ``components`` (k, 1024), and for the f features their
    ``centre``, ``scale`` and ``weights`` (f,); a film is frontal where the logit is at least ``threshold``.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float
    threshold: float

    def logit(self, pixels: NDArray[np.float32]) -> float:
        """Log-odds that an (H, W) film is a frontal chest film."""
        values = features(thumbnail(pixels), pixels.shape, self.mean, self.components)
        # Held at five deviations: beyond, the logistic function has seen nothing and would extrapolate.
        standard = np.clip((values - self.centre) / self.scale, -5, 5)
        return float(standard @ self.weights + self.bias)

    def looks_frontal(self, pixels: NDArray[np.float32]) -> bool:
        """Whether an (H, W) film in 0–1 looks like a frontal chest film."""
        return self.logit(pixels) >= self.threshold


def features(
    ranks: NDArray[np.float64],
    shape: tuple[int, ...],
    mean: NDArray[np.float64],
    components: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(2k + 7,) description of a thumbnail: k coordinates and their squares, remainder, symmetries, shape."""
    coordinates = components @ (ranks - mean)
    remainder = ranks - mean - components.T @ coordinates
    aspect = np.log(shape[0] / shape[1])
    rest = [np.log(np.mean(remainder**2) + 1e-6), aspect, aspect**2, *symmetry(ranks)]
    return np.concatenate([coordinates, coordinates**2, rest])


@cache
def fitted() -> FrontalCheck:
    """The check as shipped."""
    stored: dict[str, Any] = json.loads(_PARAMETERS.read_text(encoding="utf-8"))
    arrays = {name: np.array(stored[name]) for name in ("mean", "centre", "scale", "weights")}
    packed = np.frombuffer(base64.b64decode(stored["components"]), dtype=np.int8)
    components = packed.reshape(-1, SIDE * SIDE).astype(np.float64) * stored["step"]
    return FrontalCheck(components=components, bias=stored["bias"], threshold=stored["threshold"], **arrays)
