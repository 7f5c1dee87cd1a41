"""Approximate search by hnswlib. The file is a cache: none is opened that lofi.gallery.graph_file does not find sound.

hnswlib saves neither ``ef`` nor the metric, and a corrupt file can end the process.
"""

import math
from pathlib import Path

import hnswlib
import numpy as np

from lofi.errors import GalleryMismatch
from lofi.gallery.exact import best_first
from lofi.gallery.graph_file import is_sound
from lofi.gallery.vector_index import Neighbours, Rows, Vectors

M = 16
EF_CONSTRUCTION = 200
SEED = 20
ROWS_A_CANDIDATE = 18
"""Looking at one candidate takes as long as so many rows of the exact product: 0.7 µs and 0.04 µs at E = 256."""


def ef_for(count: int) -> int:
    """Candidates looked at in a search over ``count`` vectors.

    Grows with the gallery: on 16,855 × 256, 128 candidates find 0.99 of the nearest ten of queries like the films
    but only 0.77 for queries from elsewhere, as those from text are; 512 find 0.97 (`make bench`).
    """
    return min(1_024, max(128, count // 32))


class HnswIndex:
    """A graph over (N, E) float32 unit vectors. Similarities are exact: computed from the vectors, not the graph."""

    def __init__(self, vectors: Vectors, graph: hnswlib.Index) -> None:
        self.vectors = vectors
        self._graph = graph

    @classmethod
    def build(cls, vectors: Vectors) -> "HnswIndex":
        """The graph, in one thread so that the same vectors give the same file."""
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        graph.init_index(max_elements=len(vectors), M=M, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        graph.add_items(vectors, np.arange(len(vectors)), num_threads=1)
        graph.set_ef(ef_for(len(vectors)))
        return cls(vectors, graph)

    @classmethod
    def load(cls, path: Path, vectors: Vectors) -> "HnswIndex":
        """The graph in a file. Raises GalleryMismatch when it is damaged or not over these vectors."""
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        try:
            if not is_sound(path.read_bytes(), vectors, M, EF_CONSTRUCTION):
                raise GalleryMismatch("The gallery's index is damaged or over other vectors.")
            graph.load_index(str(path))
        except (RuntimeError, OSError) as error:
            raise GalleryMismatch("The gallery's index cannot be opened.") from error
        # Set once, here: set_ef is not safe beside a search in another thread, knn_query is.
        graph.set_ef(ef_for(len(vectors)))
        return cls(vectors, graph)

    def write(self, path: Path) -> None:
        """The graph as hnswlib's own file. Raises OSError when it did not get there whole."""
        try:
            self._graph.save_index(str(path))
        except RuntimeError as error:
            raise OSError("hnswlib cannot write there") from error
        # hnswlib does not notice a full disk, and opening a cut file could end the process.
        if path.stat().st_size != self._graph.index_file_size():
            raise OSError("hnswlib wrote only a part")

    def cost(self, k: int, allowed: Rows | None = None) -> int:
        asked = max(ef_for(len(self.vectors)), overfetch(k, len(self.vectors), allowed))
        return ROWS_A_CANDIDATE * asked

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        # hnswlib's own filter calls Python for every candidate; asking for more and filtering after is quicker.
        asked = overfetch(k, len(self.vectors), allowed)
        try:
            labels, _ = self._graph.knn_query(query[None], k=asked, num_threads=1)
        except RuntimeError:  # The graph could not reach that many.
            return Neighbours(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
        rows = np.sort(labels[0].astype(np.int64))
        if allowed is not None:
            rows = np.intersect1d(rows, allowed, assume_unique=True)
        similarities = self.vectors[rows] @ query
        best = best_first(similarities, k)
        return Neighbours(rows[best], np.clip(similarities[best], -1, 1))


def overfetch(k: int, count: int, allowed: Rows | None) -> int:
    """How many neighbours to ask for so that k are left after the filter, if it were independent of the query."""
    if allowed is None or len(allowed) == 0:
        return min(k, count)
    return min(count, math.ceil(1.5 * k * count / len(allowed)) + 16)
