"""Exact search by one matrix product: the oracle, and the faster way for small or heavily filtered galleries."""

import numpy as np

from lofi.gallery.vector_index import Neighbours, Rows, Vectors

COPY = 4
"""Copying a row out takes about as long as the product with four, so beyond a quarter it is cheaper to do them all."""


class ExactIndex:
    """Search over (N, E) float32 unit vectors. Equal similarities come in the order of the rows."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def cost(self, k: int, allowed: Rows | None = None) -> int:
        return len(self.vectors) if allowed is None else min(len(self.vectors), COPY * len(allowed))

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        if allowed is None:
            similarities = self.vectors @ query
        elif COPY * len(allowed) < len(self.vectors):
            similarities = self.vectors[allowed] @ query
        else:
            similarities = (self.vectors @ query)[allowed]
        best = best_first(similarities, k)
        return Neighbours(best if allowed is None else allowed[best], np.clip(similarities[best], -1, 1))


def best_first(similarities: Vectors, k: int) -> Rows:
    """(min(k, n),) positions of the largest of (n,) values, descending, ties by position."""
    k = min(k, len(similarities))
    if k == 0:
        return np.zeros(0, dtype=np.int64)
    # argpartition alone would pick any of several values that tie at the border.
    border = np.partition(similarities, len(similarities) - k)[len(similarities) - k]
    candidates = np.flatnonzero(similarities >= border)
    return candidates[np.argsort(-similarities[candidates], kind="stable")][:k]
