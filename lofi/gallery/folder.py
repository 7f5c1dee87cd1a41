"""A gallery's folder: opened in one piece, replaced in one step."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc

from lofi.errors import GalleryMismatch
from lofi.gallery import index_file, stamps, storage, turns
from lofi.gallery import manifest as manifests
from lofi.gallery.index_file import Way
from lofi.gallery.manifest import Manifest, read_manifest
from lofi.gallery.table import Records, as_records, from_parquet, listed, map_records, write_records
from lofi.gallery.vector_index import Vectors
from lofi.results import Study

TRIES = 20
"""Times that a gallery is opened which others replace meanwhile."""


class Opened(NamedTuple):
    """What lies in a gallery's ``folder``, and the sign that it is being read."""

    folder: Path
    manifest: Manifest
    records: Records
    vectors: Vectors
    way: Way
    reading: turns.Reading | None


@dataclass(frozen=True, eq=False)
class State:
    """What is to lie there: ``about`` are fields of the manifest, ``regions`` the bytes of an index of boxes.

    ``probes`` are queries to tune the index with; ``base`` is the graph over the first of the vectors, to be added to.
    """

    vectors: Vectors
    studies: Sequence[Study]
    root: Path | None
    about: dict[str, Any]
    half: bool = False
    regions: bytes = b""
    probes: Vectors | None = None
    base: index_file.Base | None = None


def opened(folder: Path, fingerprint: str | None = None, anew: bool = False) -> Opened:
    """The gallery in a folder. Raises GalleryMismatch; ``anew`` hashes files that were hashed before as well."""
    for _ in range(TRIES):
        manifest = read_manifest(folder)
        if fingerprint is not None:
            manifest.check_model(fingerprint)
        try:
            return _opened(folder, manifest, anew)
        except GalleryMismatch:
            if read_manifest(folder) == manifest:
                raise
        # Another run has replaced the gallery since its manifest was read, and removed what that one named.
    raise GalleryMismatch("The gallery is replaced again and again: open it later.")


def _opened(folder: Path, manifest: Manifest, anew: bool) -> Opened:
    reading = _begin(folder / manifest.records_file) if manifest.format > 1 else None
    known = stamps.check(folder / manifest.vectors_file, manifest.vectors_sha256, "vectors", anew)
    vectors = storage.map_vectors(folder / manifest.vectors_file, manifest.count, manifest.dim, known)
    known = stamps.check(folder / manifest.records_file, manifest.records_sha256, "records", anew)
    if manifest.format == 1:
        records = from_parquet((folder / manifest.records_file).read_bytes(), manifest.count)
    else:
        records = map_records(folder / manifest.records_file, manifest.count)
    if not known and pc.count_distinct(records.table["study_id"]).as_py() != manifest.count:
        raise GalleryMismatch("The gallery's records do not fit its vectors: build the gallery again.")
    if anew and manifest.format > 1 and manifest.regions_file:
        stamps.check(folder / manifest.regions_file, manifest.regions_sha256, "regions", anew)
    return Opened(folder, manifest, records, vectors, index_file.opened(folder, manifest.index_name, vectors), reading)


def _begin(records: Path) -> turns.Reading:
    gone = GalleryMismatch("The gallery's records are missing: build the gallery again.")
    try:
        reading = turns.Reading(records)
    except OSError:
        raise gone from None
    if reading.removed:
        raise gone
    return reading


def replaced(folder: Path, state: State) -> Opened:
    """Write a gallery into its folder and open it. Until gallery.json is replaced, the old one is what lies there."""
    with turns.writing(folder):
        with storage.staged(folder) as stage:
            manifest = _written(folder, stage, state)
        vectors = storage.map_vectors(folder / manifest.vectors_file, manifest.count, manifest.dim)
        way = index_file.made(folder, manifest.index_name, vectors, state.probes, state.base)
        storage.sync(folder)
        storage.put_text(folder / manifests.FILE, manifest.to_text())
        records = map_records(folder / manifest.records_file, manifest.count)
        reading = _begin(folder / manifest.records_file)
        turns.sweep(folder, manifest.files, _pictures(folder, records, state.root))
    return Opened(folder, manifest, records, vectors, way, reading)


def _pictures(folder: Path, records: Records, root: Path | None) -> set[str] | None:
    """The pictures that the records name; None where somebody's own films lie in the gallery's folder."""
    if root is not None and root.resolve().is_relative_to(folder.resolve()):
        return None
    return {name for column in ("image", "thumbnail") for name in listed(records.table[column])}


def _written(folder: Path, stage: Path, state: State) -> Manifest:
    """The manifest of a state whose files now lie in the folder, under names that no reader knows yet."""
    storage.write_vectors(state.vectors, state.half, stage / "vectors")
    write_records(as_records(state.studies), stage / "records")
    (stage / "regions").write_bytes(state.regions)
    named = {
        "vectors": folder / "vectors-{}.safetensors",
        "records": folder / "records-{}.arrow",
        "regions": folder / "regions-{}.safetensors",
    }
    hashes: dict[str, str] = {}
    for name, path in named.items():
        if name != "regions" or state.regions:
            digest = hashes[name] = storage.file_sha256(stage / name)
            stamps.note(storage.put(stage / name, path, digest), digest)
    return Manifest(
        dim=state.vectors.shape[1],
        count=len(state.studies),
        vectors_sha256=hashes["vectors"],
        records_sha256=hashes["records"],
        regions_sha256=hashes.get("regions", ""),
        image_root="" if state.root is None else os.path.relpath(state.root.resolve(), folder.resolve()),
        **state.about,
    )


def root_of(folder: Path, image_root: str) -> Path | None:
    """The folder of the films that a manifest names; relative to the gallery's, absolute ones are of format 1."""
    return folder.resolve() / image_root if image_root else None
