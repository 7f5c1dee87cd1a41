"""How a model pools a region of a film: patches and prefix tokens averaged inside and around its box."""

import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes

Floats32 = NDArray[np.float32]
RING = 0.5
"""The surroundings of a box reach this share of its width and height beyond each edge."""


def cell_weights(boxes: Boxes, rows: int, columns: int) -> Floats32:
    """(M, rows · columns) share of each canvas box in each cell of a grid over the canvas; rows sum to 1.

    A box outside the canvas weighs all cells alike, so that no row is undefined.
    """
    covered = _covered(boxes, rows, columns)
    total = covered.sum(axis=1, keepdims=True)
    uniform = np.full_like(covered, 1 / covered.shape[1])
    return np.where(total > 1e-9, covered / np.maximum(total, 1e-9), uniform).astype(np.float32)


def ring_weights(boxes: Boxes, rows: int, columns: int) -> Floats32:
    """As ``cell_weights`` for the surroundings of each box: the box grown by ``RING``, without the box itself."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2) * np.array([-RING, -RING, RING, RING])
    around = np.clip(_covered(boxes + size, rows, columns) - _covered(boxes, rows, columns), 0, None)
    total = around.sum(axis=1, keepdims=True)
    uniform = np.full_like(around, 1 / around.shape[1])
    return np.where(total > 1e-9, around / np.maximum(total, 1e-9), uniform).astype(np.float32)


def _covered(boxes: Boxes, rows: int, columns: int) -> NDArray[np.float64]:
    """(M, rows · columns) area, in cells, that each box covers of each cell, row by row."""
    scaled = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) * [columns, rows, columns, rows]
    x, y = np.arange(columns), np.arange(rows)
    across = np.clip(np.minimum(x + 1, scaled[:, 2:3]) - np.maximum(x, scaled[:, 0:1]), 0, None)
    down = np.clip(np.minimum(y + 1, scaled[:, 3:4]) - np.maximum(y, scaled[:, 1:2]), 0, None)
    return np.asarray((down[:, :, None] * across[:, None, :]).reshape(len(scaled), -1))


def pool_tokens(prefix: Floats32, boxes: Boxes) -> NDArray[np.float16]:
    """(M, T, W) of (N, W) prefix tokens and (M, 4) canvas boxes.

    Query n of the connector starts at cell n of a grid (lofi.network.connector); training may have moved it, which
    costs sharpness, not correctness.
    """
    count = len(prefix)
    rows = max(1, round(count**0.5))
    columns = -(-count // rows)
    parts = []
    for weights in (cell_weights(boxes, rows, columns), ring_weights(boxes, rows, columns)):
        kept = weights[:, :count] + 1e-6  # the last row of the grid may be incomplete
        parts.append(kept / kept.sum(axis=1, keepdims=True) @ prefix)
    parts.append(np.broadcast_to(prefix.mean(axis=0), parts[0].shape))
    return np.stack(parts, axis=1).astype(np.float16)


def pool_vectors(content: Floats32, boxes: Boxes) -> Floats32:
    """(M, D) unit means of (P, D) patches, a square grid row by row, inside (M, 4) canvas boxes."""
    means = pool_means(content, boxes)
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def pool_means(values: Floats32, boxes: Boxes) -> Floats32:
    """(M, D) means of (P, D) values of a square grid, row by row, inside (M, 4) canvas boxes."""
    side = round(len(values) ** 0.5)
    return np.asarray(cell_weights(boxes, side, side) @ values, dtype=np.float32)
