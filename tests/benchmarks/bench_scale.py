"""A gallery of 10,000, 100,000 and a million studies beside faiss and usearch, on the same vectors, in one run.

python -m tests.benchmarks.bench_scale [COUNT …] [--vectors FILE.npy]

Vectors: embeddings of films, of which FILE holds (n, E) real ones, multiplied by mixing each with another and a little
noise; without a file, clusters of noise. Queries: films like them, and directions between films, as texts are. Each
figure is of one thread but for the building of graphs; memory is what a fresh process holds beyond an empty one.
faiss-cpu and usearch are tools of this benchmark alone: without them their lines are left out.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from lofi.gallery import Gallery, Where
from lofi.gallery.exact import ExactIndex
from lofi.gallery.hnsw import EF_CONSTRUCTION, M
from lofi.gallery.table import Records, table_of
from lofi.gallery.tuning import _between, _like
from lofi.results import Study
from tests.doubles import clustered

DIM, K, QUERIES = 256, 10, 200
COUNTS = (10_000, 100_000, 1_000_000)
SHARES = {"half": 0.5, "two": 0.02, "few": 0.0001}
WIDTHS = (64, 128, 256, 512, 1_024)
Search = Callable[[np.ndarray], object]

_OPENED = """
import json, resource, sys, time
from pathlib import Path
import lofi.gallery
def held(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) / 1024
before, start = held("VmRSS"), time.perf_counter()
gallery = lofi.gallery.Gallery.open(sys.argv[1])
opened = time.perf_counter() - start
hit = gallery.search(gallery.vectors[5], 3)[0].study.study_id
print(json.dumps({"open": opened, "first": time.perf_counter() - start, "mb": held("VmRSS") - before,
                  "own": held("RssAnon")}))
"""


def many(count: int, real: np.ndarray | None) -> np.ndarray:
    """(count, DIM) unit vectors."""
    if real is None:
        return clustered(count, DIM, clusters=200)
    random = np.random.default_rng(3)
    made = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, 50_000):
        part = made[start : start + 50_000]
        first, second = (real[random.integers(0, len(real), len(part))] for _ in range(2))
        share = random.uniform(0, 0.5, (len(part), 1))
        part[:] = first + share * (second - first)
        part += random.standard_normal(part.shape) * (0.15 / part.shape[1] ** 0.5)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def columns(count: int) -> Records:
    """Studies of ``count``, most of them copies of the first thousand but for their names and labels."""
    draws = np.random.default_rng(5).random(count)
    report = "Heart size is normal. Small left pleural effusion with adjacent atelectasis. No pneumothorax. " * 3
    tables = []
    for start in range(0, count, 50_000):
        some = [
            Study(f"study-{row}", report, tuple(name for name, share in SHARES.items() if draws[row] < share), "PA",
                  "ward", "F", 50.0, f"patient-{row // 2}", f"films/{row}.png")
            for row in range(start, min(count, start + 50_000))
        ]  # fmt: skip
        tables.append(table_of(some))
    import pyarrow as pa

    return Records(pa.concat_tables(tables))


def milliseconds(search: Search, queries: np.ndarray) -> float:
    """The median time of a search, after a few to warm up."""
    for query in queries[:10]:
        search(query)
    times = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def recall(found: list[set[int]], truth: list[set[int]]) -> float:
    return float(np.mean([len(a & b) / max(1, len(b)) for a, b in zip(found, truth, strict=True)]))


def peers(vectors: np.ndarray, groups: list[np.ndarray], truths: list[list[set[int]]]) -> None:
    """Hnswlib's graph as faiss and usearch build it, each searched as wide as a recall of 0.98 needs."""
    if importlib.util.find_spec("faiss"):
        import faiss

        start = time.perf_counter()
        index = faiss.IndexHNSWFlat(vectors.shape[1], M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        index.add(vectors)
        built = time.perf_counter() - start
        faiss.omp_set_num_threads(1)

        def with_faiss(width: int) -> Search:
            index.hnsw.efSearch = width
            return lambda query: index.search(query[None], K)[1][0]

        told("faiss HNSW", built, with_faiss, groups, truths)
    if importlib.util.find_spec("usearch"):
        from usearch.index import Index

        start = time.perf_counter()
        other = Index(ndim=vectors.shape[1], metric="ip", connectivity=M, expansion_add=EF_CONSTRUCTION)
        other.add(np.arange(len(vectors)), vectors)
        built = time.perf_counter() - start

        def with_usearch(width: int) -> Search:
            other.expansion_search = width
            return lambda query: other.search(query, K, threads=1).keys

        told("usearch", built, with_usearch, groups, truths)


def told(
    name: str,
    built: float,
    width_of: Callable[[int], Search],
    groups: list[np.ndarray],
    truths: list[list[set[int]]],
) -> None:
    for width in WIDTHS:
        search = width_of(width)
        found = [recall([set(map(int, search(q))) for q in group], t) for group, t in zip(groups, truths, strict=True)]
        if min(found) >= 0.98 or width == WIDTHS[-1]:
            took = [milliseconds(search, group) for group in groups]
            print(f"  {name:12} built {built:7.1f} s   {shown(took, found)}   ef {width}", flush=True)
            return


def shown(took: list[float], found: list[float]) -> str:
    return "   ".join(f"{t:6.2f} ms (recall {f:.3f})" for t, f in zip(took, found, strict=True))


def measure(count: int, real: np.ndarray | None) -> None:
    """One size."""
    vectors, records = many(count, real), columns(count)
    groups = [np.concatenate([made(vectors)] * -(-QUERIES // 48))[:QUERIES] for made in (_like, _between)]
    exact = ExactIndex(vectors)
    truths = [[set(exact.search(query, K).rows.tolist()) for query in group] for group in groups]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        start = time.perf_counter()
        gallery = Gallery(records, vectors, "f" * 64).save(name)
        built = time.perf_counter() - start
        about = json.loads(next(Path(name).glob("index-*.json")).read_text())
        way = "graph" if gallery.index is not None else "exact"
        print(f"\n{count:,} × {vectors.shape[1]}: {way}, ef {about['ef']}, candidate {about['candidate']:.0f} rows")
        found = [
            recall([set(gallery.near(q, K).rows.tolist()) for q in group], truth)
            for group, truth in zip(groups, truths, strict=True)
        ]
        took = [milliseconds(lambda q: gallery.near(q, K), group) for group in groups]
        print(f"  {'lofi':12} built {built:7.1f} s   {shown(took, found)}", flush=True)
        print(f"  {'exact':12} {'':15}   {milliseconds(lambda q: exact.search(q, K), groups[0][:40]):6.2f} ms")
        for label, share in SHARES.items():
            where = Where(label=(label,))
            rows = gallery.select(where)
            right = [set(exact.search(q, K, rows).rows.tolist()) for q in groups[0][:60]]
            got = recall([set(gallery.near(q, K, where).rows.tolist()) for q in groups[0][:60]], right)
            took_ms = milliseconds(lambda q, w=where: gallery.near(q, K, w), groups[0][:60])
            print(f"  filter leaves {share:8.2%}   {took_ms:6.2f} ms (recall {got:.3f})", flush=True)
        size = sum(path.stat().st_size for path in Path(name).iterdir()) / 1e6
        done = subprocess.run([sys.executable, "-c", _OPENED, name], capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout)
        print(
            f"  opened in {figures['open']:.2f} s, answered after {figures['first']:.2f} s; {figures['mb']:,.0f} MB "
            f"more in memory, {figures['own']:,.0f} MB held that is not of files; {size:,.0f} MB on disk, of which "
            f"{vectors.nbytes / 1e6:,.0f} MB vectors",
            flush=True,
        )
    peers(vectors, groups, truths)


def main() -> None:
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_scale", description=__doc__)
    found.add_argument("counts", nargs="*", type=int, default=COUNTS)
    found.add_argument("--vectors", type=Path, help="(n, E) embeddings of films, as numpy saves them")
    given = found.parse_args()
    real = None if given.vectors is None else np.asarray(np.load(given.vectors), dtype=np.float32)
    print(f"Films like the gallery's, then directions between films; {os.cpu_count()} cores.")
    for count in given.counts or COUNTS:
        measure(count, real)


if __name__ == "__main__":
    main()
