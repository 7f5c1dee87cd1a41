"""The graph of a gallery on disk, beside what was measured of it: a cache of the vectors, made again when in doubt."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from lofi.errors import GalleryMismatch
from lofi.files import plain
from lofi.gallery import stamps, storage, tuning
from lofi.gallery.hnsw import EF_CONSTRUCTION, Costs, HnswIndex, M
from lofi.gallery.vector_index import Vectors

FORMAT = 1
EXACT_BELOW = 2_000
"""Up to so many studies the exact search is always the quicker one, and no graph is tried."""
_log = logging.getLogger(__name__)


class Way(NamedTuple):
    """How vectors are searched; ``graph`` is None where the exact search was found to be the quicker one."""

    graph: HnswIndex | None
    costs: Costs


def opened(folder: Path, name: str, vectors: Vectors, probes: Vectors | None = None) -> Way:
    """How to search the vectors, from the files ``name`` if these can be trusted.

    Else the graph is made again, measured, and kept where the folder can be written.
    """
    if len(vectors) <= EXACT_BELOW:
        return Way(None, Costs())
    try:
        return _read(folder, name, vectors)
    except (OSError, plain.Unfit, GalleryMismatch):
        _log.info("The gallery's index is missing, damaged or stale and is made again.")
    index = HnswIndex.build(vectors)
    costs, quicker = tuning.measured(index, probes)
    index = index.with_costs(costs)
    try:
        _write(folder, name, index if quicker else None, costs)
    except OSError:
        _log.info("The gallery's folder cannot be written, so its index stays in memory.")
    return Way(index if quicker else None, costs)


def _read(folder: Path, name: str, vectors: Vectors) -> Way:
    """Raises OSError, Unfit or GalleryMismatch where the files are not what this version would make."""
    values = plain.read_object(folder / f"{name}.json", 10_000)
    if (values.get("format"), values.get("m"), values.get("ef_construction")) != (FORMAT, M, EF_CONSTRUCTION):
        raise plain.Unfit("it is of another version")
    costs = Costs(
        plain.whole(values.get("ef"), "ef", 1, 100_000),
        plain.number(values.get("candidate"), "candidate", 0, 1e9),
        plain.number(values.get("gathered"), "gathered", 1, 1e9),
    )
    if values.get("sha256") == "":
        return Way(None, costs)
    stamps.check(folder / f"{name}.hnsw", plain.sha256(values.get("sha256"), "sha256"), "index")
    return Way(HnswIndex.load(folder / f"{name}.hnsw", vectors, costs), costs)


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
    storage.put_text(folder / f"{name}.json", json.dumps(about, indent=1) + "\n")
