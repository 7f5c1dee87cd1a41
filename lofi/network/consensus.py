"""One box of two opinions: what the language model wrote and what the heat map of the phrase shows.

Both are beliefs about where the finding lies, made by different parts of the network, and they err differently. The
box given is the one whose expected overlap is largest (minimum Bayes risk, with IoU as the gain; Kumar and Byrne, 2004,
decode translations so):

    share · (Σ_inside p) / (|B| + Σ_outside p) + (1 − share) · IoU(B, written box)

with p the heat map's probability of each cell and |B| the cells of the box. The first term takes the expectation of
intersection and union apart, which is exact where p is 0 or 1.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes, pairwise_iou

GRID = 24
"""Cells on a side among whose boxes the best is looked for; boxes are at least two cells wide."""
POLISH = (1 / 48, 1 / 96, 1 / 192)
"""Steps, in canvas units, by which the edges of the best box are then moved."""
LEAST = 1.5 / GRID
"""Smallest width and height of a box, in canvas units."""
EVERYWHERE = 0.5
"""A map whose mean probability is larger tells of no place: words that it was not trained on can have that effect."""

Floats = NDArray[np.float64]


class HeatBelief:
    """What a heat map says of every box on the canvas. ``logits`` (P,): a square grid of patches, row by row."""

    def __init__(self, logits: NDArray[np.float32]) -> None:
        side = round(len(logits) ** 0.5)
        fine = cv2.resize(logits.reshape(side, side), (GRID, GRID), interpolation=cv2.INTER_LINEAR).astype(np.float64)
        heat = 1 / (1 + np.exp(-fine))
        self._sums = np.zeros((GRID + 1, GRID + 1))
        self._sums[1:, 1:] = heat.cumsum(0).cumsum(1)
        first, last = (_intervals() * GRID).round().astype(np.int64).T
        rows = self._sums[last] - self._sums[first]
        cells = (last - first)[:, None] * (last - first)
        self._all = self._gain(rows[:, last] - rows[:, first], cells)
        """(n, n) of every box on the grid: its interval down, its interval across."""

    def _gain(self, inside: Floats, cells: NDArray[np.int64] | Floats) -> Floats:
        return np.asarray(inside / (cells + self._sums[-1, -1] - inside))

    def gain(self, boxes: Boxes) -> Floats:
        """(M,) expected IoU of (M, 4) canvas boxes with what the heat map shows, 0 … 1."""
        x0, y0, x1, y1 = (np.clip(boxes, 0, 1) * GRID).T
        inside = self._sum(y1, x1) - self._sum(y0, x1) - self._sum(y1, x0) + self._sum(y0, x0)
        return self._gain(inside, (x1 - x0) * (y1 - y0))

    def _sum(self, y: Floats, x: Floats) -> Floats:
        """Probability mass above and left of (M,) points; cells count by the part that lies there."""
        row, column = np.minimum(y.astype(np.int64), GRID - 1), np.minimum(x.astype(np.int64), GRID - 1)
        down, right, sums = y - row, x - column, self._sums
        upper = sums[row, column] * (1 - right) + sums[row, column + 1] * right
        lower = sums[row + 1, column] * (1 - right) + sums[row + 1, column + 1] * right
        return np.asarray(upper * (1 - down) + lower * down)

    def agreed(self, written: Boxes, share: float, within: Boxes | None = None) -> Boxes:
        """(1, 4) canvas box on which the heat map and the (1, 4) ``written`` box agree best.

        ``share`` 0 … 1 is the heat map's weight. ``within`` (1, 4) is a region that the box, as the written one, may
        not leave. The written box stands where the heat map shows the phrase everywhere.
        """
        if self._sums[-1, -1] > EVERYWHERE * GRID**2:
            return written
        low, high = (np.zeros(2), np.ones(2)) if within is None else (within[0, :2], within[0, 2:])
        # The overlap with the written box peaks at that box, between the lines of the grid.
        starts = np.concatenate([self._best_on_grid(written[0], share, low, high), written])
        worth = self._worth(starts, written, share)
        best, gained = starts[[int(worth.argmax())]], float(worth.max())
        for step in POLISH:
            while True:
                moved = best + _MOVES * step
                room = ((moved[:, 2:] - moved[:, :2]) >= LEAST).all(axis=1)
                room &= ((moved[:, :2] >= low) & (moved[:, 2:] <= high)).all(axis=1)
                tried = np.where(room, self._worth(moved, written, share), -1.0)
                if tried.max() <= gained + 1e-9:
                    break
                best, gained = moved[[int(tried.argmax())]], float(tried.max())
        return best

    def _best_on_grid(self, written: Floats, share: float, low: Floats, high: Floats) -> Boxes:
        """(1, 4) the best box with corners on the grid; (0, 4) where none lies in the region."""
        spans = _intervals()
        size = spans[:, 1] - spans[:, 0]
        across, down = (
            np.clip(np.minimum(spans[:, 1], written[axis + 2]) - np.maximum(spans[:, 0], written[axis]), 0, None)
            for axis in (0, 1)
        )
        common = down[:, None] * across
        whole = float((written[2:] - written[:2]).prod())
        score = share * self._all + (1 - share) * common / (size[:, None] * size + whole - common)
        fits = [(spans[:, 0] >= low[axis]) & (spans[:, 1] <= high[axis]) for axis in (0, 1)]
        score[~(fits[1][:, None] & fits[0])] = -1.0
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        box = np.array([[spans[column, 0], spans[row, 0], spans[column, 1], spans[row, 1]]])
        return box[: int(score[row, column] >= 0)]

    def _worth(self, boxes: Boxes, written: Boxes, share: float) -> Floats:
        return share * self.gain(boxes) + (1 - share) * pairwise_iou(boxes, written)[:, 0]


_MOVES = np.concatenate([np.eye(4), -np.eye(4)])


@cache
def _intervals() -> Floats:
    """(n, 2) beginnings and ends on the grid's lines, at least two cells apart."""
    first, last = np.triu_indices(GRID + 1, 2)
    spans = np.stack([first, last], axis=1) / GRID
    spans.setflags(write=False)
    return spans
