"""Studies found by the words of their reports (BM25), and two ways of finding put together by rank."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import bm25s
import numpy as np
from numpy.typing import NDArray

from lofi.gallery.exact import best_first
from lofi.gallery.vector_index import Rows

FADING = 60
"""k of reciprocal rank fusion, as Cormack, Clarke and Büttcher chose it (SIGIR 2009)."""
STATED = 10
"""k for what reports state: what a report says of side and size outweighs where a film comes among its likes."""


class Ranking(NamedTuple):
    """``rows`` (n,) of a gallery and their ``scores`` (n,), best first; 0 where it has no opinion."""

    rows: Rows
    scores: NDArray[np.float32]


class Words:
    """Okapi BM25 (Robertson and Zaragoza 2009) over the terms of N studies."""

    def __init__(self, documents: Iterable[Sequence[str]]) -> None:
        kept = [list(terms) for terms in documents]
        self._count = len(kept)
        self._index = bm25s.BM25() if any(kept) else None
        if self._index is not None:
            self._index.index(kept, show_progress=False)

    def search(self, terms: Sequence[str], k: int, allowed: Rows | None = None) -> Ranking:
        """At most ``k`` studies that hold one of the terms, from the ascending rows ``allowed`` if given."""
        asked = dict.fromkeys(term for term in terms if term)  # bm25s counts "" among its words, and then fails on it
        known = [] if self._index is None else [term for term in asked if term in self._index.vocab_dict]
        if self._index is None or not known:
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
        scores = np.asarray(self._index.get_scores(known), dtype=np.float32)
        rows = np.flatnonzero(scores > 0) if allowed is None else allowed[scores[allowed] > 0]
        best = best_first(scores[rows], k)
        return Ranking(rows[best], scores[rows][best])


def fused(first: Ranking, second: Ranking) -> Rows:
    """Every row of two rankings, best first by reciprocal rank, equals by the first one: the sum of 1 / (60 + rank) in
    the first and 1 / (10 + rank) in the second, which is by what reports state.

    Equal scores share a rank: nine reports with the same words are told apart by the other ranking alone.
    """
    total: dict[int, float] = {}
    for ranking, fading in ((first, FADING), (second, STATED)):
        # The rank of a score is one more than how many are higher.
        ranks = 1 + np.searchsorted(-ranking.scores, -ranking.scores, side="left")
        for row, rank in zip(ranking.rows.tolist(), ranks.tolist(), strict=True):
            total[row] = total.get(row, 0.0) + 1 / (fading + rank)
    place = {row: number for number, row in enumerate([*first.rows.tolist(), *second.rows.tolist()][::-1])}
    return np.array(sorted(total, key=lambda row: (-total[row], -place[row])), dtype=np.int64)
