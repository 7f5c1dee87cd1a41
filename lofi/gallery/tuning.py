"""What searches cost on this machine, measured when the graph is built and stored: by it the quicker way is chosen."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lofi.gallery.exact import ExactIndex
from lofi.gallery.hnsw import Costs, HnswIndex
from lofi.gallery.vector_index import Rows, Vectors

K, RECALL = 10, 0.98
QUERIES = 48
WORTH = 0.8
"""A graph that takes longer than this share of the exact search is not worth its file."""
CANDIDATES = (64, 96, 128, 192, 256, 384, 512, 768, 1_024)
DEEP = 8
"""How many times the candidates of a search a second one looks at, to tell what each costs."""
SEED = 7


def measured(index: HnswIndex, probes: Vectors | None = None) -> tuple[Costs, bool]:
    """What ``index`` costs with as many candidates as it needs for a recall@10 of 0.98, and whether it is the quicker.

    ``probes`` (Q, E) are queries like those to come, of text for one; without them, and beside them, films are asked
    for (rows with some noise) and directions between two films, which lie outside of what the films fill.
    """
    vectors = index.vectors
    exact = ExactIndex(vectors)
    groups = [_like(vectors), _between(vectors)] + ([probes[:QUERIES]] if probes is not None and len(probes) else [])
    truths = [[set(exact.search(query, K).rows.tolist()) for query in group] for group in groups]
    costs = index.costs
    for ef in CANDIDATES:
        costs = replace(costs, ef=ef)
        index = index.with_costs(costs)
        if all(_recall(index, group, truth) >= RECALL for group, truth in zip(groups, truths, strict=True)):
            break
    rows = np.sort(np.random.default_rng(SEED).choice(len(vectors), max(1, len(vectors) // 50), replace=False))
    deep = min(len(vectors), DEEP * costs.ef)
    by_graph, far, whole, part = _times(
        groups[0],
        lambda q: index.search(q, K),
        lambda q: index.search(q, deep),
        lambda q: exact.search(q, K),
        lambda q: vectors[rows] @ q,
    )
    row = whole / len(vectors)
    # A straight line through both: what one more candidate costs, and what none would.
    candidate = max(0.0, far - by_graph) / max(1, deep - costs.ef) or by_graph / costs.ef
    entry = max(0.0, by_graph - candidate * costs.ef)
    found = Costs(costs.ef, candidate / row, entry / row, max(1.0, part / len(rows) / row))
    return found, by_graph < WORTH * whole


def _like(vectors: Vectors) -> Vectors:
    """(QUERIES, E) rows with noise, as other films of the same kind are."""
    random = np.random.default_rng(SEED)
    picked = np.asarray(vectors[_some(len(vectors), random)], dtype=np.float32)
    noise = random.standard_normal(picked.shape) * (0.3 / picked.shape[1] ** 0.5)
    return _unit(picked + noise)


def _between(vectors: Vectors) -> Vectors:
    """(QUERIES, E) the mean of the films moved along the difference of two, as a text's embedding is."""
    random = np.random.default_rng(SEED + 1)
    first, second = (np.asarray(vectors[_some(len(vectors), random)], dtype=np.float32) for _ in range(2))
    return _unit(first.mean(axis=0) * 0.3 + first - second)


def _some(count: int, random: np.random.Generator) -> Rows:
    return np.sort(random.integers(0, count, QUERIES))


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _recall(index: HnswIndex, queries: Vectors, truth: list[set[int]]) -> float:
    found = (index.search(query, K).rows.tolist() for query in queries)
    return float(
        np.mean([len(right.intersection(rows)) / len(right) for rows, right in zip(found, truth, strict=True)])
    )


def _times(queries: Vectors, *ways: Callable[[Vectors], object]) -> list[float]:
    """The seconds of each way in a quiet moment, than which a fifth of its runs is quicker; taken in turns."""
    taken: list[list[float]] = [[] for _ in ways]
    for query in queries:
        for way, times in zip(ways, taken, strict=True):
            start = time.perf_counter()
            way(query)
            times.append(time.perf_counter() - start)
    return [float(np.percentile(times[1:], 20)) for times in taken]
