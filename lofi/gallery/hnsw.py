"""Approximate search by hnswlib. The file is a cache: none is opened that lofi.gallery.graph_file does not find sound.

hnswlib saves neither ``ef`` nor the metric, and a corrupt file can end the process. Vectors that are the same bit for
bit are one node: with 300 copies among 2,600, all their links lead to one another and the rest is found no more.
"""

import math
import mmap
from dataclasses import dataclass
from pathlib import Path

import hnswlib
import numpy as np

from lofi.errors import GalleryMismatch
from lofi.gallery.exact import GATHERED, best_first
from lofi.gallery.graph_file import is_sound
from lofi.gallery.vector_index import Neighbours, Rows, Vectors

M = 16
EF_CONSTRUCTION = 200
SEED = 20
OVERFETCH = 2.0
"""How many times the neighbours that a filter would need to leave k are asked for: the last of many are found less
surely than the first, and of those that the filter leaves there are by chance more here and fewer there.
"""


@dataclass(frozen=True)
class Costs:
    """What a search takes, in rows of the exact product, and how many candidates it needs; measured at build time.

    ``ef`` candidates are looked at in a search, each as long as ``candidate`` rows, after a way down to them as long as
    ``entry``; a row copied out for a filter takes as long as ``gathered``. The defaults are those of one machine at
    E = 256.
    """

    ef: int = 128
    candidate: float = 18.0
    entry: float = 0.0
    gathered: float = GATHERED


DEFAULT = Costs()


class HnswIndex:
    """A graph over (N, E) float32 unit vectors. Similarities are exact: computed from the vectors, not the graph."""

    def __init__(self, vectors: Vectors, graph: hnswlib.Index, nodes: "Nodes", costs: Costs) -> None:
        self.vectors, self.costs = vectors, costs
        self._graph, self._nodes = graph, nodes

    @classmethod
    def build(cls, vectors: Vectors) -> "HnswIndex":
        """The graph; on all cores, so that the same vectors give a graph as good, not the same file."""
        nodes = Nodes.of(vectors)
        kept = nodes.pick(vectors)
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        graph.init_index(max_elements=len(kept), M=M, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        _add(graph, kept, 0)
        return cls(vectors, graph, nodes, DEFAULT).with_costs(DEFAULT)

    @classmethod
    def extended(cls, path: Path, count: int, vectors: Vectors) -> "HnswIndex | None":
        """The graph in a file over the first ``count`` of these vectors, with the others added to it.

        None where the file is not such a graph, or a vector is there twice: then the graph is built anew.
        """
        nodes = Nodes.of(vectors)
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        if nodes.first is not None or not _is_graph_of(path, vectors[:count]):
            return None
        try:
            graph.load_index(str(path), max_elements=len(vectors))
        except RuntimeError:
            return None
        _add(graph, vectors, count)
        return cls(vectors, graph, nodes, DEFAULT).with_costs(DEFAULT)

    @classmethod
    def load(cls, path: Path, vectors: Vectors, costs: Costs | None = None, distinct: bool = False) -> "HnswIndex":
        """The graph in a file. Raises GalleryMismatch when it is damaged or not over these vectors.

        Where the vectors are said to be ``distinct``, copies are not looked for; a graph of fewer nodes is refused.
        """
        graph = hnswlib.Index(space="ip", dim=vectors.shape[1])
        nodes = Nodes(len(vectors)) if distinct else Nodes.of(vectors)
        try:
            if not _is_graph_of(path, nodes.pick(vectors)):
                raise GalleryMismatch("The gallery's index is damaged or over other vectors.")
            graph.load_index(str(path))
        except (RuntimeError, OSError, ValueError) as error:
            raise GalleryMismatch("The gallery's index cannot be opened.") from error
        return cls(vectors, graph, nodes, DEFAULT).with_costs(costs or DEFAULT)

    @property
    def distinct(self) -> bool:
        """Whether no vector is there twice."""
        return self._nodes.first is None

    def with_costs(self, costs: Costs) -> "HnswIndex":
        """The same graph, searched with other settings. Not while another thread searches: set_ef is not safe then."""
        self._graph.set_ef(costs.ef)
        return HnswIndex(self.vectors, self._graph, self._nodes, costs)

    def write(self, path: Path) -> None:
        """The graph as hnswlib's own file. Raises OSError when it did not get there whole."""
        try:
            self._graph.save_index(str(path))
        except RuntimeError as error:
            raise OSError("hnswlib cannot write there") from error
        # hnswlib does not notice a full disk, and opening a cut file could end the process.
        if path.stat().st_size != self._graph.index_file_size():
            raise OSError("hnswlib wrote only a part")

    def cost(self, k: int, allowed: Rows | None = None) -> float:
        asked = overfetch(k, len(self.vectors), allowed)
        return self.costs.entry + self.costs.candidate * max(self.costs.ef, asked)

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        # hnswlib's own filter calls Python for every candidate; asking for more and filtering after is quicker.
        asked = min(overfetch(k, len(self.vectors), allowed), len(self._nodes))
        try:
            labels, _ = self._graph.knn_query(query[None], k=asked, num_threads=1)
        except RuntimeError:  # The graph could not reach that many.
            return Neighbours(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
        rows = self._nodes.rows(np.sort(labels[0].astype(np.int64)))
        if allowed is not None:
            at = np.minimum(np.searchsorted(allowed, rows), max(len(allowed) - 1, 0))
            rows = rows[allowed[at] == rows] if len(allowed) else rows[:0]
        similarities = self.vectors[rows] @ query
        best = best_first(similarities, k)
        return Neighbours(rows[best], np.clip(similarities[best], -1, 1))


def _add(graph: hnswlib.Index, vectors: Vectors, start: int) -> None:
    """Add the rows from ``start`` on, in blocks: hnswlib copies what it is given."""
    for first in range(start, len(vectors), 65_536):
        part = vectors[first : first + 65_536]
        graph.add_items(part, np.arange(first, first + len(part)))


def _is_graph_of(path: Path, vectors: Vectors) -> bool:
    """Whether a file is a graph over these vectors that can be opened. Raises OSError or ValueError."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return is_sound(data, vectors, M, EF_CONSTRUCTION)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Which rows each node of a graph stands for: ``first`` (U,) ascending rows, and ``members`` (N,) rows sorted by
    node with ``starts`` (U + 1,) into them. Both None where every row is a node.
    """

    count: int
    first: Rows | None = None
    members: Rows | None = None
    starts: Rows | None = None

    @classmethod
    def of(cls, vectors: Vectors) -> "Nodes":
        """The nodes of (N, E) vectors, told apart by a hash of 64 bits of each row and then by the row itself."""
        keys = _hashes(vectors)
        _, first, node = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) == len(vectors) or not _is_same(vectors, first[node]):
            return cls(len(vectors))
        order = np.argsort(first)
        place = np.empty(len(first), np.int64)
        place[order] = np.arange(len(first))
        node = place[node]
        members = np.argsort(node, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(node, minlength=len(first)))]).astype(np.int64)
        return cls(len(first), first[order], members, starts)

    def pick(self, vectors: Vectors) -> Vectors:
        """(U, E) one vector of each node; the same array where every row is one."""
        return vectors if self.first is None else vectors[self.first]

    def rows(self, nodes: Rows) -> Rows:
        """The ascending rows of some nodes."""
        if self.members is None or self.starts is None:
            return nodes
        parts = [self.members[self.starts[node] : self.starts[node + 1]] for node in nodes]
        return np.sort(np.concatenate(parts)) if parts else nodes

    def __len__(self) -> int:
        return self.count


def _hashes(vectors: Vectors) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """(N,) a hash of each row's bits: sums of its words, each times an odd number of its own, in 64 bits."""
    odd = np.random.default_rng(SEED).integers(0, 2**63, vectors.shape[1], dtype=np.uint64) * 2 + 1
    found = np.empty(len(vectors), np.uint64)
    for start in range(0, len(vectors), 16_384):
        words = np.ascontiguousarray(vectors[start : start + 16_384], "<f4").view("<u4")
        found[start : start + 16_384] = (words * odd).sum(axis=1, dtype=np.uint64)
    return found


def _is_same(vectors: Vectors, other: Rows) -> bool:
    """Whether each row is, bit for bit, the row that stands for it."""
    changed = np.flatnonzero(other != np.arange(len(other)))
    blocks = (changed[start : start + 16_384] for start in range(0, len(changed), 16_384))
    return all(np.array_equal(vectors[rows], vectors[other[rows]]) for rows in blocks)


def overfetch(k: int, count: int, allowed: Rows | None) -> int:
    """How many neighbours to ask for so that k are left after the filter, if it were independent of the query."""
    if allowed is None or len(allowed) == 0:
        return min(k, count)
    return min(count, math.ceil(OVERFETCH * k * count / len(allowed)) + 16)
