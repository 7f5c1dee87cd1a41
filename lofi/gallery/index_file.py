"""The graph of a gallery on disk, beside what was measured of it: a cache of the vectors, made again when in doubt."""

import json
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np

from lofi.errors import GalleryMismatch
from lofi.files import plain
from lofi.gallery import stamps, storage, tuning
from lofi.gallery.hnsw import DEFAULT, EF_CONSTRUCTION, Costs, HnswIndex, M
from lofi.gallery.vector_index import LocalIndex, Neighbours, Rows, Vectors

FORMAT = 1
EXACT_BELOW = 2_000
"""Up to so many studies the exact search is always the quicker one, and no graph is tried."""
LARGE = 100_000
"""Beyond so many studies a gallery is opened before its graph is."""
_log = logging.getLogger(__name__)


class Way(NamedTuple):
    """How vectors are searched; ``graph`` is None where the exact search was found to be the quicker one."""

    graph: LocalIndex | None
    costs: Costs


class Base(NamedTuple):
    """The files ``name`` of the graph over the first ``rows`` vectors, which were a gallery of their own."""

    name: str
    rows: int


def opened(folder: Path, name: str, vectors: Vectors) -> Way:
    """How to search the vectors, from the files ``name`` if these can be trusted; else the graph is made again.

    Beyond LARGE both happen while the gallery is searched exactly: nobody waits for a graph of gigabytes.
    """
    if len(vectors) <= EXACT_BELOW:
        return Way(None, DEFAULT)
    if len(vectors) <= LARGE:
        return _found(folder, name, vectors)
    later = Later(lambda: _found(folder, name, vectors))
    return Way(later, DEFAULT)


def made(folder: Path, name: str, vectors: Vectors, probes: Vectors | None = None, base: Base | None = None) -> Way:
    """How to search vectors that have just been written: the graph is built, or added to, measured and kept."""
    if len(vectors) <= EXACT_BELOW:
        return Way(None, DEFAULT)
    try:
        return _read(folder, name, vectors)
    except (OSError, plain.Unfit, GalleryMismatch):
        return _built(folder, name, vectors, probes, base)


def _found(folder: Path, name: str, vectors: Vectors) -> Way:
    try:
        return _read(folder, name, vectors)
    except (OSError, plain.Unfit, GalleryMismatch):
        _log.info("The gallery's index is missing, damaged or stale and is made again.")
        return _built(folder, name, vectors)


def _built(folder: Path, name: str, vectors: Vectors, probes: Vectors | None = None, base: Base | None = None) -> Way:
    index = None
    if base is not None:
        with suppress(OSError, ValueError):
            index = HnswIndex.extended(folder / f"{base.name}.hnsw", base.rows, vectors)
    index = index or HnswIndex.build(vectors)
    costs, quicker = tuning.measured(index, probes)
    index = index.with_costs(costs)
    try:
        _write(folder, name, index if quicker else None, costs)
    except OSError:
        _log.info("The gallery's folder cannot be written, so its index stays in memory.")
    return Way(index if quicker else None, costs)


class Later:
    """A graph that is fetched in a thread of its own. Until it is there it costs more than anything else."""

    def __init__(self, fetch: Callable[[], Way]) -> None:
        self._way = Way(None, DEFAULT)
        self._thread = Thread(target=self._run, args=(fetch,), name="index", daemon=True)
        self._thread.start()

    def _run(self, fetch: Callable[[], Way]) -> None:
        try:
            self._way = fetch()
        except Exception as error:
            _log.warning("The gallery's index could not be made (%s): searches are exact.", type(error).__name__)

    def wait(self) -> None:
        """Until it is known whether there is a graph."""
        self._thread.join()

    def cost(self, k: int, allowed: Rows | None = None) -> float:
        graph = self._way.graph
        return math.inf if graph is None else graph.cost(k, allowed)

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        graph = self._way.graph
        if graph is None:
            return Neighbours(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
        return graph.search(query, k, allowed)


def _read(folder: Path, name: str, vectors: Vectors) -> Way:
    """Raises OSError, Unfit or GalleryMismatch where the files are not what this version would make."""
    values = plain.read_object(folder / f"{name}.json", 10_000)
    if (values.get("format"), values.get("m"), values.get("ef_construction")) != (FORMAT, M, EF_CONSTRUCTION):
        raise plain.Unfit("it is of another version")
    costs = Costs(
        plain.whole(values.get("ef"), "ef", 1, 100_000),
        plain.number(values.get("candidate"), "candidate", 0, 1e9),
        plain.number(values.get("entry", 0.0), "entry", 0, 1e9),
        plain.number(values.get("gathered"), "gathered", 1, 1e9),
    )
    if values.get("sha256") == "":
        return Way(None, costs)
    stamps.check(folder / f"{name}.hnsw", plain.sha256(values.get("sha256"), "sha256"), "index")
    return Way(HnswIndex.load(folder / f"{name}.hnsw", vectors, costs, values.get("distinct") is True), costs)


def _write(folder: Path, name: str, index: HnswIndex | None, costs: Costs) -> None:
    path, sha256 = folder / f"{name}.hnsw", ""
    if index is not None:
        with storage.staged(folder) as stage:
            index.write(stage / "index")
            sha256 = storage.file_sha256(stage / "index")
            storage.sync(stage / "index")
            (stage / "index").replace(path)
        stamps.note(path, sha256)
    about = {"format": FORMAT, "m": M, "ef_construction": EF_CONSTRUCTION, "sha256": sha256, **asdict(costs)}
    about["distinct"] = index is not None and index.distinct
    storage.put_text(folder / f"{name}.json", json.dumps(about, indent=1) + "\n")
