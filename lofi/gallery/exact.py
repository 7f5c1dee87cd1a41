"""Exact search by one matrix product: the oracle, and the faster way for small or heavily filtered galleries."""

import numpy as np

from lofi.gallery.vector_index import Neighbours, Rows, Vectors

GATHERED = 4.0
"""Copying a row out takes about as long as the product with four, where it was not measured (lofi.gallery.tuning)."""
BLOCK = 65_536


class ExactIndex:
    """Search over (N, E) float32 unit vectors. Equal similarities come in the order of the rows."""

    def __init__(self, vectors: Vectors, gathered: float = GATHERED) -> None:
        self.vectors, self._gathered = vectors, gathered

    def cost(self, k: int, allowed: Rows | None = None) -> float:
        return len(self.vectors) if allowed is None else min(len(self.vectors), self._gathered * len(allowed))

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        if allowed is None:
            similarities = self.vectors @ query
        elif self._gathered * len(allowed) < len(self.vectors):
            similarities = self._of(allowed, query)
        else:
            similarities = (self.vectors @ query)[allowed]
        best = best_first(similarities, k)
        return Neighbours(best if allowed is None else allowed[best], np.clip(similarities[best], -1, 1))

    def _of(self, rows: Rows, query: Vectors) -> Vectors:
        """(n,) similarities of some rows, copied out in blocks: half a gallery need not be held twice."""
        if len(rows) <= BLOCK:
            return self.vectors[rows] @ query
        parts = (self.vectors[rows[start : start + BLOCK]] @ query for start in range(0, len(rows), BLOCK))
        return np.concatenate(list(parts))


def best_first(similarities: Vectors, k: int) -> Rows:
    """(min(k, n),) positions of the largest of (n,) values, descending, ties by position."""
    k = min(k, len(similarities))
    if k == 0:
        return np.zeros(0, dtype=np.int64)
    # argpartition alone would pick any of several values that tie at the border.
    border = np.partition(similarities, len(similarities) - k)[len(similarities) - k]
    candidates = np.flatnonzero(similarities >= border)
    return candidates[np.argsort(-similarities[candidates], kind="stable")][:k]
