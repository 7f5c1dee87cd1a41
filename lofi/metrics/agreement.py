"""Agreement between readers who put the same items into the same categories: percent, and beyond chance.

All figures are functions of column sums over items, which is what lets the bootstrap resample cases cheaply.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lofi.metrics.bootstrap import Floats

Ratings = NDArray[np.int64]
"""(n, m) category of each of n items by each of m readers, 0 … categories−1."""


def cohen_columns(ratings: Ratings, categories: int) -> Floats:
    """(n, 2 + 2·categories) rows for ``cohen_kappa``: one, agreed, then one-hot of either reader. m must be 2."""
    first, second = np.eye(categories)[ratings[:, 0]], np.eye(categories)[ratings[:, 1]]
    ones = np.ones((len(ratings), 1))
    return np.concatenate([ones, (first * second).sum(axis=1, keepdims=True), first, second], axis=1)


def cohen_kappa(sums: Floats) -> Floats:
    """(R,) Cohen's κ = (p_o − p_e) / (1 − p_e) of (R, C) sums; p_e from each reader's own margins (Cohen 1960).

    NaN where p_e is 1: both readers put everything into one and the same category.
    """
    n, agreed = sums[:, 0], sums[:, 1]
    first, second = np.split(sums[:, 2:], 2, axis=1)
    return _beyond_chance(agreed / n, (first * second).sum(axis=1) / n**2)


def fleiss_columns(ratings: Ratings, categories: int) -> Floats:
    """(n, 2 + categories) rows for ``fleiss_kappa``: one, the share of agreeing pairs, then the share of each category.

    m ≥ 2 readers, all of whom judged every item.
    """
    readers = ratings.shape[1]
    counts = np.eye(categories)[ratings].sum(axis=1)
    pairs = ((counts**2).sum(axis=1, keepdims=True) - readers) / (readers * (readers - 1))
    return np.concatenate([np.ones((len(ratings), 1)), pairs, counts / readers], axis=1)


def fleiss_kappa(sums: Floats) -> Floats:
    """(R,) Fleiss' κ of (R, C) sums; p_e from the margins of all readers together (Fleiss 1971). NaN as above."""
    n = sums[:, 0]
    return _beyond_chance(sums[:, 1] / n, ((sums[:, 2:] / n[:, None]) ** 2).sum(axis=1))


def percent_agreement(sums: Floats) -> Floats:
    """(R,) share of agreeing pairs of readers, of (R, C) sums of ``fleiss_columns``; of two readers, of items."""
    return np.asarray(sums[:, 1] / sums[:, 0], dtype=np.float64)


def gwet_ac1(sums: Floats) -> Floats:
    """(R,) Gwet's AC1 = (p_a − p_e) / (1 − p_e), p_e = Σ_k π_k (1 − π_k) / (K − 1), of sums of ``fleiss_columns``.

    π_k is the share of category k over all readers, K ≥ 2 their number (Gwet 2008, Br J Math Stat Psychol 61:29–48,
    equations 6 and 7; for more readers section 4). Where nearly all items fall into one category it keeps near the
    percent agreement, while κ falls; where all of them do, it is 1.
    """
    shares = sums[:, 2:] / sums[:, :1]
    expected = (shares * (1 - shares)).sum(axis=1) / (shares.shape[1] - 1)
    return _beyond_chance(percent_agreement(sums), expected)


def as_ratings(rows: Sequence[Sequence[int]], readers: int) -> Ratings:
    """(n, m) array; of shape (0, m) where there is no item."""
    return np.asarray(rows, dtype=np.int64).reshape(-1, readers)


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    # One category alone leaves nothing to agree on beyond chance; 1 − p_e is then zero up to rounding.
    alone = 1 - expected < 1e-12
    kappa = np.divide(observed - expected, 1 - expected, out=np.full_like(observed, np.nan), where=~alone)
    return np.asarray(kappa, dtype=np.float64)
