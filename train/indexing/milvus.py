"""A gallery of a folder loaded into Milvus: what is there already is left, what went is taken out.

The folder stays the truth. Stopped at any moment, the same command goes on: each study has one key, and a hash of its
record and vector by which it is seen whether it is there as it should be. Readers meanwhile see what is loaded so far.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from lofi.errors import GalleryMismatch
from lofi.gallery import Gallery
from lofi.gallery.milvus_client import Collection
from lofi.gallery.milvus_place import MilvusPlace
from lofi.gallery.milvus_rows import TEXT_BYTES, key_of, row_of
from lofi.report.terms import report_terms

BLOCK = 500
"""Studies in a request: with reports at their longest some 25 MB, of the 64 that Milvus takes."""
_FACETS = ("view", "sex", "label", "source")


class Loaded(NamedTuple):
    """How many studies were written, taken out, and there already; ``boxless`` were written without their boxes."""

    written: int
    removed: int
    kept: int
    boxless: int


def load_into(gallery: Gallery, place: MilvusPlace, block: int = BLOCK, quiet: bool = False) -> Loaded:
    """Make the collection hold what the gallery holds. Raises GalleryMismatch, also for one of another model."""
    collection = Collection(place)
    try:
        _begin(gallery, collection)
        written, boxless = _write(gallery, collection, block, quiet)
        removed = _remove(gallery, collection, block)
        collection.say(_about(gallery))
    finally:
        collection.close()
    return Loaded(written, removed, len(gallery) - written, boxless)


def _begin(gallery: Gallery, collection: Collection) -> None:
    if collection.exists:
        about = collection.about()
        if (about["fingerprint"], about["dim"]) != (gallery.fingerprint, gallery.vectors.shape[1]):
            raise GalleryMismatch(
                "The collection in Milvus holds the vectors of another model: choose another name, or drop that one "
                "and the one with _about behind its name."
            )
        return
    collection.make(gallery.vectors.shape[1])
    collection.say({**_about(gallery), "digest": ""})


def _write(gallery: Gallery, collection: Collection, block: int, quiet: bool) -> tuple[int, int]:
    terms = gallery.records.terms
    written = boxless = 0
    with tqdm(total=len(gallery), unit=" studies", desc="loaded", disable=quiet) as bar:
        for start in range(0, len(gallery), block):
            studies = gallery.studies[start : start + block]
            said = [
                known.split("|") if known else report_terms(study.report, study.labels)
                for known, study in zip(terms[start : start + block], studies, strict=True)
            ]
            vectors = gallery.vectors[start : start + block]
            rows = [row_of(*each) for each in zip(studies, vectors, said, strict=True)]
            new = _new(collection, rows)
            if new:
                collection.upsert(new)
            written += len(new)
            cut = {row["key"] for row in new if '"boxes": []' in row["record"]}
            boxless += sum(bool(study.boxes) and key_of(study.study_id) in cut for study in studies)
            bar.update(len(studies))
    return written, boxless


def _new(collection: Collection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that are not in the collection as they should be."""
    there = collection.get([row["key"] for row in rows], ["key", "state"])
    return [row for row in rows if there.get(row["key"], {}).get("state") != row["state"]]


def _remove(gallery: Gallery, collection: Collection, block: int) -> int:
    """Take out what the gallery has no more."""
    if len(collection) == len(gallery):  # all of it is there, so nothing else is
        return 0
    own = np.sort(np.array([key_of(study.study_id) for study in gallery.studies], dtype=np.int64))
    there = np.array([int(row["key"]) for row in collection.each("", ["key"])], dtype=np.int64)
    gone = there[~np.isin(there, own)].tolist()
    for start in range(0, len(gone), block):
        collection.delete(gone[start : start + block])
    return len(gone)


def _about(gallery: Gallery) -> dict[str, Any]:
    """What is said of the studies: by whom embedded, and what they can be filtered by."""
    values = {name: gallery.columns.values(name) for name in _FACETS}
    about = {
        "fingerprint": gallery.fingerprint,
        "model": gallery.model,
        "dim": gallery.vectors.shape[1],
        "digest": gallery.digest,
        "simulated": gallery.columns.simulated,
        "values": values,
    }
    if len(str(about).encode()) > TEXT_BYTES // 2:
        raise GalleryMismatch("The gallery has more different labels than Milvus is told of: some thousand fit.")
    return about
