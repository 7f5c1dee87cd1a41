"""A gallery: studies with their vectors, opened from a folder, searched by cosine similarity."""

import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lofi.errors import BadQuery, GalleryMismatch
from lofi.gallery import manifest as manifests
from lofi.gallery import storage
from lofi.gallery.embedding import Embedder, FilmRecord, embed_films
from lofi.gallery.exact import ExactIndex
from lofi.gallery.hnsw import HnswIndex, ef_for
from lofi.gallery.manifest import Manifest, read_manifest
from lofi.gallery.pictures import inside
from lofi.gallery.records import from_parquet, to_parquet
from lofi.gallery.vector_index import Neighbours, Rows, VectorIndex, Vectors
from lofi.gallery.where import Columns, Where
from lofi.results import Hit, Study

EXACT_BELOW = 2_000
"""Up to so many studies the exact search is the quicker one (`make bench`), so no index is made."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Gallery:
    """N ``studies`` and their ``vectors``, (N, E) float32 unit rows in the same order, read-only.

    ``fingerprint`` and ``model`` tell by which model they were embedded; ``dropped`` counts the films that
    were left out, by reason. ``folder`` is where the gallery lies, ``image_root`` where its films lie if not
    inside. Never changes after it is made, so threads may share it.
    """

    studies: Sequence[Study]
    vectors: Vectors
    fingerprint: str
    model: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    folder: Path | None = None
    image_root: Path | None = None
    index: VectorIndex | None = None

    @classmethod
    def build(
        cls,
        records: Iterable[FilmRecord],
        model: Embedder,
        *,
        thumbs_in: Path | None = None,
        image_root: Path | None = None,
        batch: int = 16,
        readers: int = 2,
    ) -> "Gallery":
        """Embed the films of ``records``; those that cannot be read are left out and counted in ``dropped``.

        ``thumbs_in`` is the folder that the gallery will be saved in, if thumbnails are wanted. ``batch`` films
        are embedded at once while ``readers`` threads read the next ones.
        """
        studies, vectors, dropped = embed_films(records, model, thumbs_in=thumbs_in, batch=batch, readers=readers)
        vectors.setflags(write=False)
        return cls(studies, vectors, model.fingerprint, model.name, dropped, thumbs_in, image_root)

    @classmethod
    def join(cls, parts: Sequence["Gallery"]) -> "Gallery":
        """One gallery of several by the same model, in order; a study_id that comes again is left out."""
        if not parts or len({part.fingerprint for part in parts}) != 1:
            raise GalleryMismatch("Galleries can be joined only if there are any and one model built them all.")
        dropped: Counter[str] = Counter()
        kept: dict[str, tuple[int, int]] = {}
        for number, part in enumerate(parts):
            dropped.update(part.dropped)
            for row, study in enumerate(part.studies):
                if kept.setdefault(study.study_id, (number, row)) != (number, row):
                    dropped["Another film has the same study_id."] += 1
        studies = tuple(parts[number].studies[row] for number, row in kept.values())
        rows = [[row for n, row in kept.values() if n == number] for number in range(len(parts))]
        vectors = np.concatenate([part.vectors[chosen] for part, chosen in zip(parts, rows, strict=True)])
        vectors.setflags(write=False)
        first = parts[0]
        return dataclasses.replace(first, studies=studies, vectors=vectors, dropped=dict(dropped), index=None)

    @classmethod
    def open(
        cls, folder: str | PathLike[str], fingerprint: str | None = None, image_root: Path | None = None
    ) -> "Gallery":
        """The gallery in a folder; its index is made again where it is missing, damaged or stale.

        Raises GalleryMismatch when vectors or records are not what the manifest vouches for, or when another
        model than the one with ``fingerprint`` built it. ``image_root`` overrides the manifest's.
        """
        place = Path(folder)
        manifest = read_manifest(place)
        if fingerprint is not None:
            manifest.check_model(fingerprint)
        data = storage.read_checked(place / storage.VECTORS, manifest.vectors_sha256, "vectors")
        vectors = storage.vectors_from_bytes(data, manifest.count, manifest.dim)
        records = storage.read_checked(place / storage.RECORDS, manifest.records_sha256, "records")
        studies = from_parquet(records, manifest.count)
        if len(studies) != len(vectors) or len({study.study_id for study in studies}) != len(studies):
            raise GalleryMismatch("The gallery's records do not fit its vectors: build the gallery again.")
        root = image_root or (Path(manifest.image_root) if manifest.image_root else None)
        index = _open_index(place, manifest, vectors) if len(vectors) > EXACT_BELOW else None
        return cls(studies, vectors, manifest.fingerprint, manifest.model, manifest.dropped, place, root, index)

    def save(self, folder: str | PathLike[str], half: bool = False) -> "Gallery":
        """Write the gallery and return it as opened from there; ``half`` stores vectors in 16 bits.

        Pictures are not copied: where they lay inside another folder, that one becomes the ``image_root``.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        root = self.image_root
        if root is None and self.folder is not None and self.folder.resolve() != place.resolve():
            root = self.folder
        vectors = storage.vectors_to_bytes(self.vectors, half)
        records = to_parquet(self.studies)
        manifest = Manifest(
            model=self.model,
            fingerprint=self.fingerprint,
            dim=self.vectors.shape[1],
            count=len(self.studies),
            ef=ef_for(len(self.studies)),
            vectors_sha256=storage.sha256_of(vectors),
            records_sha256=storage.sha256_of(records),
            image_root="" if root is None else str(root.resolve()),
            dropped=dict(self.dropped),
        )
        # The manifest goes in last: a run that ends between leaves a gallery that is refused, not a wrong one.
        for stale in (storage.INDEX, storage.REGIONS_MANIFEST):
            (place / stale).unlink(missing_ok=True)
        files = {storage.VECTORS: vectors, storage.RECORDS: records, manifests.FILE: manifest.to_text().encode()}
        storage.write_files(place, files)
        return Gallery.open(place)

    def search(self, vector: ArrayLike, k: int = 8, where: Where | None = None) -> list[Hit]:
        """At most ``k`` hits for an (E,) vector of any length, the most similar first, of studies that ``where`` lets.

        Raises BadQuery for a vector of another size, one that is not finite or is zero, and for ``k`` < 1;
        never because fewer than ``k`` studies are left.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise BadQuery("The number of hits must be a whole number of at least 1.")
        query = self._unit_query(vector)
        found = self._neighbours(query, min(int(k), len(self.studies)), self._columns.select(where))
        return [
            Hit(self.studies[row], float(similarity), rank)
            for rank, (row, similarity) in enumerate(zip(found.rows, found.similarities, strict=True), start=1)
        ]

    def image_path(self, study: Study) -> Path | None:
        """The study's film on disk; None where it has none or its path leads out of the gallery's folders."""
        return inside(self.folder, study.image) or inside(self.image_root, study.image)

    def thumbnail_path(self, study: Study) -> Path | None:
        """The study's thumbnail on disk; None as for ``image_path``."""
        return inside(self.folder, study.thumbnail) or inside(self.image_root, study.thumbnail)

    def __len__(self) -> int:
        return len(self.studies)

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.studies)

    def _unit_query(self, vector: ArrayLike) -> Vectors:
        """The (E,) query of length 1. Raises BadQuery."""
        dim = self.vectors.shape[1]
        try:
            query = np.asarray(vector, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise BadQuery(f"This gallery is searched with a vector of {dim} numbers.") from None
        if query.shape != (dim,):
            raise BadQuery(f"This gallery is searched with a vector of {dim} numbers, not with shape {query.shape}.")
        with np.errstate(over="ignore"):
            length = np.linalg.norm(query)
        if not np.isfinite(length) or length < 1e-6:
            raise BadQuery("A query vector must be finite and not zero.")
        return np.asarray(query / length, dtype=np.float32)

    def _neighbours(self, query: Vectors, k: int, allowed: Rows | None) -> Neighbours:
        """By the graph where it is quicker, exactly elsewhere and wherever the graph gives too few."""
        exact = ExactIndex(self.vectors)
        if self.index is not None and self.index.cost(k, allowed) < exact.cost(k, allowed):
            found = self.index.search(query, k, allowed)
            if len(found.rows) == min(k, len(self) if allowed is None else len(allowed)):
                return found
        return exact.search(query, k, allowed)


def _open_index(folder: Path, manifest: Manifest, vectors: Vectors) -> HnswIndex:
    """The index from its file if that can be trusted, else made again and kept where the folder can be written."""
    path = folder / storage.INDEX
    if manifest.index_is_current and storage.file_sha256(path) == manifest.index_sha256:
        try:
            return HnswIndex.load(path, vectors)
        except GalleryMismatch:
            pass
    _log.info("The gallery's index is missing, damaged or stale and is made again.")
    index = HnswIndex.build(vectors)
    try:
        with storage.staged(folder) as stage:
            index.write(stage / storage.INDEX)
            renewed = manifest.with_index(storage.file_sha256(stage / storage.INDEX))
            (stage / manifests.FILE).write_text(renewed.to_text(), "utf-8")
            os.replace(stage / storage.INDEX, path)
            os.replace(stage / manifests.FILE, folder / manifests.FILE)
    except OSError:
        _log.info("The gallery's folder cannot be written, so its index stays in memory.")
    return index
