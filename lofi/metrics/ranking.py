"""Ranking figures that need every item at once: area under the ROC curve and the median, both with weights."""

import numpy as np
from numpy.typing import NDArray

from lofi.metrics.bootstrap import Floats


def auroc(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """(R,) area under the ROC curve for (R, n) weights; NaN where a class has no weight.

    The share of positive–negative pairs that (n,) ``scores`` order rightly, ties counting one half.
    """
    values, group = np.unique(scores, return_inverse=True)
    if len(values) == 0:
        return np.full(len(weights), np.nan)
    starts = np.searchsorted(group[order := np.argsort(group, kind="stable")], np.arange(len(values)))
    up = np.add.reduceat(np.where(positive, weights, 0.0)[:, order], starts, axis=1)
    down = np.add.reduceat(np.where(positive, 0.0, weights)[:, order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((up * below).sum(1) / (up.sum(1) * down.sum(1)), dtype=np.float64)


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """(R,) medians of (n,) ``values`` under (R, n) whole-number weights, the mean of the middle two when even."""
    if len(values) == 0:
        return np.full(len(weights), np.nan)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    lower = (reached >= half).argmax(axis=1)
    upper = (reached > half).argmax(axis=1)
    return np.asarray((values[order][lower] + values[order][upper]) / 2, dtype=np.float64)
