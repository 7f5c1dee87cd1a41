"""Similarities as something a person can read: by how many of the gallery's own they are surpassed.

A cosine of 0.95 says nothing by itself: between two chest films of one model it may be usual, of another rare.
"""

import numpy as np
from numpy.typing import NDArray

from lofi.gallery.vector_index import Vectors

PAIRS = 20_000
ROWS = 2_000
SEED = 11


def between_films(vectors: Vectors) -> NDArray[np.float32]:
    """Ascending similarities of pairs of different films among (N, E) vectors, PAIRS of them at most."""
    count = len(vectors)
    if count < 2:
        return np.zeros(0, dtype=np.float32)
    random = np.random.default_rng(SEED)
    rows = np.sort(random.choice(count, min(count, ROWS), replace=False))
    some = np.asarray(vectors[rows], dtype=np.float32)
    first = random.integers(0, len(some), PAIRS)
    second = (first + random.integers(1, len(some), PAIRS)) % len(some)
    return np.sort(np.einsum("pe,pe->p", some[first], some[second]))


def of_query(query: Vectors, vectors: Vectors) -> NDArray[np.float32]:
    """Ascending similarities of one (E,) query to films evenly spread over the gallery, ROWS of them at most."""
    return np.sort(vectors[:: max(1, len(vectors) // ROWS)] @ query)


def closer_than(similarity: float, others: NDArray[np.float32]) -> float | None:
    """The share of ascending similarities that are lower, 0 … 1; None where there are none."""
    return float(np.searchsorted(others, similarity)) / len(others) if len(others) else None
