"""Where a finding lies: the shares of the opinions in a box, chosen by the mean overlap with the true boxes."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from lofi.boxes import as_boxes, set_iou
from lofi.metrics.bootstrap import Floats
from lofi.network.consensus import HeatBelief, Opinions
from train.agreeing.asking import Where

Shares = tuple[float, float, float]
"""Of the language model's heat map, of the dense one, and of the dense box; what is left is the written box's."""
SHARES: tuple[Shares, ...] = tuple(
    (language, dense, box)
    for language, dense, box in product((0.0, 0.2, 0.4), (0.0, 0.2, 0.4, 0.6), (0.0, 0.15, 0.3, 0.45))
    if language + dense + box < 0.96
)


def overlap(asked: Where, shares: Shares) -> float:
    """IoU of the agreed box with the true ones, always answering."""
    return float(set_iou(agreed(asked, shares), as_boxes(asked.true)))


def agreed(asked: Where, shares: Shares):
    written = as_boxes(asked.written)
    if len(written) != 1:
        return written
    language, dense, box = shares
    heats = [(belief(tuple(asked.language_heat)), language), (belief(tuple(asked.dense_heat)), dense)]
    return Opinions(heats, [(as_boxes(asked.dense[:1]), box)]).agreed(written)


@lru_cache(maxsize=4000)
def belief(logits: tuple[float, ...]) -> HeatBelief:
    return HeatBelief(np.asarray(logits, dtype=np.float32))


def overlaps(asked: Sequence[Where], tried: Sequence[Shares]) -> Floats:
    """(W, S) ``overlap`` of each question with each of the shares."""
    table = [[overlap(where, shares) for shares in tried] for where in asked]
    return np.asarray(table, dtype=np.float64).reshape(len(asked), len(tried))


def best_shares(table: Floats, tried: Sequence[Shares]) -> Shares:
    """Those with the largest mean overlap of a (W, S) table; the first where there is nothing to choose by."""
    return tried[int(table.mean(0).argmax())] if len(table) else tried[0]
