"""One box of several opinions: what the language model wrote, what heat maps of the phrase show, a detector's box.

All are beliefs about where the finding lies, made by different parts of the network, and they err differently. The
box given is the one whose expected overlap is largest (minimum Bayes risk, with IoU as the gain; Kumar and Byrne, 2004,
decode translations so):

    Σ shareᵢ · (Σ_inside pᵢ) / (|B| + Σ_outside pᵢ) + Σ shareⱼ · IoU(B, boxⱼ)

with pᵢ a heat map's probability of each cell and |B| the cells of the box. The first term takes the expectation of
intersection and union apart, which is exact where p is 0 or 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def everywhere(self) -> bool:
        """Whether the map shows the phrase all over, and so tells of no place."""
        return bool(self._sums[-1, -1] > EVERYWHERE * GRID**2)

    @property
    def grid(self) -> Floats:
        """(n, n) expected IoU of every box on the grid, by its interval down and its interval across."""
        return self._all


@dataclass(frozen=True)
class Opinions:
    """Heat maps and (1, 4) canvas boxes, each with its share in what is agreed on."""

    heats: Sequence[tuple[HeatBelief, float]] = ()
    boxes: Sequence[tuple[Boxes, float]] = ()

    def agreed(self, written: Boxes, within: Boxes | None = None) -> Boxes:
        """(1, 4) canvas box on which they and the (1, 4) ``written`` box agree best; it has the share that they leave.

        ``within`` (1, 4) is a region that the box, as the written one, may not leave. Maps that show the phrase
        everywhere are not heard; where nobody is heard, the written box stands.
        """
        heats = [(heat, share) for heat, share in self.heats if share and not heat.everywhere]
        own = 1 - sum(share for _, share in self.heats) - sum(share for _, share in self.boxes)
        boxes = [(box, share) for box, share in (*self.boxes, (written, own)) if share > 0]
        if not heats and len(boxes) < 2:
            return written
        low, high = (np.zeros(2), np.ones(2)) if within is None else (within[0, :2], within[0, 2:])
        inside = [(cut, share) for box, share in boxes if len(cut := _cut(box, low, high))]
        # The overlap with a box peaks at that box, between the lines of the grid.
        starts = np.concatenate([_best_on_grid(heats, inside, low, high), written, *(box for box, _ in inside)])

        def worth(tried: Boxes) -> Floats:
            gains = [share * heat.gain(tried) for heat, share in heats]
            overlaps = [share * pairwise_iou(tried, box)[:, 0] for box, share in inside]
            return np.asarray(sum([*gains, *overlaps]))

        best, gained = starts[[int(worth(starts).argmax())]], float(worth(starts).max())
        for step in POLISH:
            while True:
                moved = best + _MOVES * step
                room = ((moved[:, 2:] - moved[:, :2]) >= LEAST).all(axis=1)
                room &= ((moved[:, :2] >= low) & (moved[:, 2:] <= high)).all(axis=1)
                values = np.where(room, worth(moved), -1.0)
                if values.max() <= gained + 1e-9:
                    break
                best, gained = moved[[int(values.argmax())]], float(values.max())
        return best


def _cut(box: Boxes, low: Floats, high: Floats) -> Boxes:
    """The (1, 4) box as far as it lies in a region; (0, 4) where none of it does."""
    cut = np.concatenate([np.maximum(box[0, :2], low), np.minimum(box[0, 2:], high)])[None]
    return cut[: int((cut[0, 2:] > cut[0, :2]).all())]


def _best_on_grid(
    heats: Sequence[tuple[HeatBelief, float]], boxes: Sequence[tuple[Boxes, float]], low: Floats, high: Floats
) -> Boxes:
    """(1, 4) the best box with corners on the grid; (0, 4) where none lies in the region."""
    spans = _intervals()
    size = spans[:, 1] - spans[:, 0]
    score = np.zeros((len(spans), len(spans)))
    for heat, share in heats:
        score += share * heat.grid
    for (box,), share in boxes:
        across, down = (
            np.clip(np.minimum(spans[:, 1], box[axis + 2]) - np.maximum(spans[:, 0], box[axis]), 0, None)
            for axis in (0, 1)
        )
        common = down[:, None] * across
        whole = float((box[2:] - box[:2]).prod())
        score += share * common / (size[:, None] * size + whole - common)
    fits = [(spans[:, 0] >= low[axis]) & (spans[:, 1] <= high[axis]) for axis in (0, 1)]
    score[~(fits[1][:, None] & fits[0])] = -1.0
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    found = np.array([[spans[column, 0], spans[row, 0], spans[column, 1], spans[row, 1]]])
    return found[: int(score[row, column] >= 0)]


_MOVES = np.concatenate([np.eye(4), -np.eye(4)])


@cache
def _intervals() -> Floats:
    """(n, 2) beginnings and ends on the grid's lines, at least two cells apart."""
    first, last = np.triu_indices(GRID + 1, 2)
    spans = np.stack([first, last], axis=1) / GRID
    spans.setflags(write=False)
    return spans
