"""Films decoded once: every canvas of the network in one memory-mapped file of bytes."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.densely.answers import Box, Film

Canvas = NDArray[np.uint8]


def render(grey: Canvas, side: int) -> Canvas:
    """(H, W) grey film → (side, side), fitted and centred, its 0.5th and 99.5th percentile stretched to 0 and 255.

    The same geometry and stretch as ``preprocess.canvas``, in bytes.
    """
    height, width = grey.shape
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    low, high = np.percentile(small, (0.5, 99.5))
    stretched = np.clip((small.astype(np.float32) - low) / max(1.0, float(high - low)), 0, 1)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    out = np.zeros((side, side), np.uint8)
    out[y : y + size[1], x : x + size[0]] = np.round(stretched * 255)
    return out


def placed(box: Box, size_hw: tuple[int, int]) -> Box:
    """A film box on the square canvas, 0–1."""
    height, width = size_hw
    longest = max(height, width)
    w, h = width / longest, height / longest
    x, y = (1 - w) / 2, (1 - h) / 2
    return (x + box[0] * w, y + box[1] * h, x + box[2] * w, y + box[3] * h)


def decode(path: Path) -> Canvas:
    """(H, W) grey pixels of a film. Raises ValueError where it cannot be read."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError(f"cannot read the film {path.name}")
    return np.asarray(grey, dtype=np.uint8)


def canvases(films: Sequence[Film], root: Path, cache: Path, side: int) -> Canvas:
    """(N, side, side) canvases of the films under ``root``, made on the first call and mapped from ``cache`` after."""
    names = hashlib.sha256(json.dumps([side, *(film.image for film in films)]).encode()).hexdigest()[:16]
    path = cache / f"canvases-{names}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        made = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(films), side, side))
        for row, film in enumerate(films):
            made[row] = render(decode(root / film.image), side)
        made.flush()
        part.replace(path)
    mapped: Canvas = np.load(path, mmap_mode="r")
    return mapped
