"""How long a search takes, exactly and by the graph, side by side in one run: python -m tests.benchmarks.bench_gallery.

Vectors are clustered noise of the size of a gallery of all the films beside the project. What counts is the ratio:
times move with the machine and with what else runs on it.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from lofi.gallery import Gallery, Where
from lofi.gallery.hnsw import HnswIndex
from lofi.results import Study
from tests.doubles import clustered

COUNT, DIM, K, QUERIES = 16_855, 256, 10, 100
SHARES = (1.0, 0.5, 0.2, 0.1, 0.02)
SMALLER = (500, 1_000, 2_000, 4_000, 8_000)


def studies(count: int) -> list[Study]:
    """Studies of which the label "share 0.2" marks a fifth, and so on."""
    draws = np.random.default_rng(5).random(count)
    return [Study(str(row), "", tuple(f"share {s}" for s in SHARES if draws[row] < s)) for row in range(count)]


def near(vectors: np.ndarray) -> np.ndarray:
    """(QUERIES, E) unit vectors a little off some of the gallery's, as films of other patients are."""
    random = np.random.default_rng(6)
    noise = random.standard_normal((QUERIES, DIM)) / DIM**0.5
    moved = vectors[random.integers(0, len(vectors), QUERIES)] + 0.6 * noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def milliseconds(*ways: Callable[[np.ndarray], object], queries: np.ndarray) -> list[float]:
    """The median time of each way of searching, taken in turns so that a busy moment meets them all."""
    times: list[list[float]] = [[] for _ in ways]
    for query in queries:
        for way, taken in zip(ways, times, strict=True):
            start = time.perf_counter()
            way(query)
            taken.append(1e3 * (time.perf_counter() - start))
    return [median(taken) for taken in times]


def compare(name: str, indexed: Gallery, where: Where | None, queries: np.ndarray) -> None:
    """One line: exact, as the gallery chooses, ratio, and the share of the exact hits that it finds."""
    exact = replace(indexed, index=None)
    found = [
        [{hit.study.study_id for hit in gallery.search(query, K, where)} for query in queries]
        for gallery in (exact, indexed)
    ]
    recall = np.mean([len(a & b) / max(1, len(a)) for a, b in zip(*found, strict=True)])
    slow, quick = milliseconds(
        lambda q: exact.search(q, K, where), lambda q: indexed.search(q, K, where), queries=queries
    )
    print(f"{name:24} exact {slow:6.2f} ms   chosen {quick:6.2f} ms   {slow / quick:5.1f} ×   recall {recall:.3f}")


def main() -> None:
    vectors = clustered(COUNT, DIM)
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        saved = Gallery(studies(COUNT), vectors, "f" * 64).save(name)
        built = time.perf_counter() - start
        start = time.perf_counter()
        gallery = Gallery.open(name)
        opened = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(name).iterdir()) / 1e6
        print(f"{COUNT:,} × {DIM}: saved with a new index in {built:.1f} s, opened in {opened:.2f} s, {size:.0f} MB")
        for kind, queries in (("like the films", near(vectors)), ("from elsewhere", clustered(QUERIES, DIM, seed=7))):
            print(f"Queries {kind}:")
            for share in SHARES:
                where = None if share == 1 else Where(label=(f"share {share}",))
                compare(f"  filter leaves {share:.0%}", gallery, where, queries)
        for count in SMALLER:
            part = Gallery(saved.studies[:count], vectors[:count], "f")
            graph = HnswIndex.build(part.vectors)
            slow, quick = milliseconds(
                lambda q, p=part: p.search(q, K), lambda q, g=graph: g.search(q, K), queries=near(part.vectors)
            )
            print(f"{count:>6,} films: exact {slow:.2f} ms, {slow / quick:.1f} × the bare graph")


if __name__ == "__main__":
    main()
