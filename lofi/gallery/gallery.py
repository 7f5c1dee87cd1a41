"""A gallery: studies with their vectors, opened from a folder, searched by cosine similarity."""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from lofi.film.likeness import SAME, distances
from lofi.gallery import folder as folders
from lofi.gallery.embedding import Embedder, FilmRecord, embed_films
from lofi.gallery.exact import ExactIndex
from lofi.gallery.filters import Columns
from lofi.gallery.hnsw import DEFAULT, Costs
from lofi.gallery.index_file import Base
from lofi.gallery.manifest import Manifest
from lofi.gallery.pictures import inside
from lofi.gallery.query import hit_count, unit_query
from lofi.gallery.searchable import SAMPLED
from lofi.gallery.table import Records, as_records, listed
from lofi.gallery.turns import Reading
from lofi.gallery.vector_index import LocalIndex, Neighbours, Rows, Vectors
from lofi.gallery.where import Where
from lofi.gallery.words import Ranking, Words
from lofi.report.terms import report_terms
from lofi.results import Hit, Study

NO_FILM = "This study's film is not where the gallery looks for it: LOFI_IMAGE_ROOT names the folder of the films."

WORDS_MOST = 100_000
"""Studies of which the reports' words are searched as well; their index is made in memory, at the first text."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Gallery:
    """N ``studies`` and their ``vectors``, (N, E) float32 unit rows in the same order, read-only.

    ``fingerprint`` and ``model`` tell by which model they were embedded; ``dropped`` counts the films that
    were left out, by reason. ``folder`` is where the gallery lies, ``image_root`` where its films lie if not
    inside. ``manifest`` is what lay there when it was opened: on disk it may be replaced meanwhile, while ``reading``
    keeps its files. Never changes after it is made, so threads may share it.
    """

    studies: Sequence[Study]
    vectors: Vectors
    fingerprint: str
    model: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    folder: Path | None = None
    image_root: Path | None = None
    index: LocalIndex | None = None
    costs: Costs = DEFAULT
    manifest: Manifest | None = None
    reading: Reading | None = None

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
    def open(
        cls, folder: str | PathLike[str], fingerprint: str | None = None, image_root: Path | None = None
    ) -> "Gallery":
        """The gallery in a folder; its index is made again where it is missing, damaged or stale.

        Raises GalleryMismatch when vectors or records are not what the manifest vouches for, or when another
        model than the one with ``fingerprint`` built it. ``image_root`` overrides the manifest's.
        """
        return cls._of(folders.opened(Path(folder), fingerprint), image_root)

    @classmethod
    def verify(cls, folder: str | PathLike[str]) -> "Gallery":
        """The gallery in a folder, each byte of it hashed, also where that was done before. Raises GalleryMismatch."""
        return cls._of(folders.opened(Path(folder), anew=True))

    @classmethod
    def _of(cls, found: folders.Opened, image_root: Path | None = None) -> "Gallery":
        about = found.manifest
        return cls(
            studies=found.records,
            vectors=found.vectors,
            fingerprint=about.fingerprint,
            model=about.model,
            dropped=about.dropped,
            folder=found.folder,
            image_root=image_root or folders.root_of(found.folder, about.image_root),
            index=found.way.graph,
            costs=found.way.costs,
            manifest=about,
            reading=found.reading,
        )

    def save(
        self,
        folder: str | PathLike[str],
        half: bool = False,
        regions: bytes = b"",
        probes: Vectors | None = None,
        begun: "Gallery | None" = None,
    ) -> "Gallery":
        """Write the gallery, with the bytes of an index of its ``regions``, and return it as opened from there.

        ``half`` stores vectors in 16 bits; ``probes`` (Q, E) are queries to tune the index with; ``begun`` is
        the gallery in this folder that this one begins with, whose graph need only be added to. What lay there before
        is replaced in one step, at the end. Pictures are not copied: where they lay inside another folder, that one
        becomes the ``image_root``.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        root = self.image_root
        if root is None and self.folder is not None and self.folder.resolve() != place.resolve():
            root = self.folder
        about = {"model": self.model, "fingerprint": self.fingerprint, "dropped": dict(self.dropped)}
        base = None
        if begun is not None and begun.manifest is not None:
            base = Base(begun.manifest.index_name, len(begun))
        state = folders.State(self.vectors, self.studies, root, about, half, regions, probes, base)
        return Gallery._of(folders.replaced(place, state))

    def search(self, vector: ArrayLike, k: int = 8, where: Where | None = None) -> list[Hit]:
        """At most ``k`` hits for an (E,) vector of any length, the most similar first, of studies that ``where`` lets.

        Raises BadQuery for a vector of another size, one that is not finite or is zero, and for ``k`` < 1;
        never because fewer than ``k`` studies are left.
        """
        found = self.near(vector, k, where)
        return [
            Hit(self.studies[row], float(similarity), rank)
            for rank, (row, similarity) in enumerate(zip(found.rows, found.similarities, strict=True), start=1)
        ]

    def near(self, vector: ArrayLike, k: int, where: Where | None = None) -> Neighbours:
        """The rows and similarities of the hits that ``search`` gives, and raises as it does."""
        query = unit_query(vector, self.vectors.shape[1])
        return self._neighbours(query, min(hit_count(k), len(self.studies)), self.select(where))

    def said(self, terms: Sequence[str], k: int, where: Where | None = None) -> Ranking:
        """At most ``k`` studies whose reports state one of these terms, by BM25; none of more than WORDS_MOST."""
        return self._words.search(terms, k, self.select(where))

    def select(self, where: Where | None) -> Rows | None:
        """(n,) ascending rows that ``where`` lets through; None stands for all. Raises BadQuery for unknown labels."""
        return self.columns.select(where)

    def row_of(self, study_id: str) -> int | None:
        """The row of a study; None where there is none of that id."""
        return self.records.row_of(study_id)

    def studies_at(self, rows: Iterable[int]) -> list[Study]:
        """The studies at some rows, in their order."""
        return [self.studies[int(row)] for row in rows]

    def vectors_at(self, rows: Sequence[int] | Rows) -> Vectors:
        """(n, E) the vectors at some rows, in their order."""
        return self.vectors[np.asarray(rows, dtype=np.int64)]

    def of_film(self, film: str, vector: Vectors, alike: float) -> Rows | None:
        """Rows of studies with this film print and a similarity above ``alike``; None where no print is known."""
        if not self.records.prints.any():
            return None
        rows = np.flatnonzero(distances(self.records.prints, film) <= SAME)
        return rows[self.vectors[rows] @ vector > alike]

    def first(self, count: int) -> Sequence[Study]:
        """The first ``count`` studies at most."""
        return self.studies[:count]

    def each(self, where: Where | None = None) -> Iterator[Study]:
        """The studies that a filter lets through, in order."""
        rows = self.select(where)
        return iter(self.studies) if rows is None else (self.studies[row] for row in rows)

    def image_path(self, study: Study) -> Path | None:
        """The study's film on disk; None where it has none or its path leads out of the gallery's folders."""
        return inside(self.folder, study.image) or inside(self.image_root, study.image)

    def thumbnail_path(self, study: Study) -> Path | None:
        """The study's thumbnail on disk; None as for ``image_path``."""
        return inside(self.folder, study.thumbnail) or inside(self.image_root, study.thumbnail)

    def missing_films(self, most: int = 2_000) -> str:
        """One sentence on films that are not where the gallery looks for them; "" where all are there.

        Of a large gallery ``most`` studies, evenly spread, are looked at.
        """
        step = max(1, -(-len(self) // most))
        some = pa.array(range(0, len(self), step), pa.int64())
        images = [image for image in listed(self.records.table["image"].take(some)) if image]
        roots = [os.fspath(root) for root in (self.folder, self.image_root) if root is not None]
        gone = sum(not any(_is_there(root, image) for root in roots) for image in images)
        if gone == 0:
            return ""
        told = f"{gone:,} of {len(images):,} films" if step == 1 else f"About {gone / len(images):.0%} of the films"
        return (
            f"{told} of the gallery are not where it looks for them: set LOFI_IMAGE_ROOT or --images-root to the "
            "folder of the films. Searching works without them."
        )

    def __len__(self) -> int:
        return len(self.studies)

    @property
    def title(self) -> str:
        """The name of its folder."""
        return "in memory" if self.folder is None else self.folder.resolve().name

    @property
    def digest(self) -> str:
        """The SHA-256 of its records; "" of a gallery that was never written."""
        return "" if self.manifest is None else self.manifest.records_sha256

    @property
    def sample(self) -> Vectors:
        """(n, E) vectors of studies evenly spread, fewer than twice ``SAMPLED``."""
        return self.vectors[:: max(1, len(self.vectors) // SAMPLED)]

    @cached_property
    def records(self) -> Records:
        """The studies as columns."""
        return as_records(self.studies)

    @cached_property
    def columns(self) -> Columns:
        """The searchable fields."""
        return Columns(self.records)

    @cached_property
    def _words(self) -> Words:
        """The words of the reports; of a gallery beyond WORDS_MOST, which would take minutes, none.

        Terms that the records do not bring are made here, which takes a millisecond or more for each report.
        """
        if len(self) > WORDS_MOST:
            _log.warning("The gallery is so large that texts are searched by the model alone, not by reports' words.")
            return Words(())
        return Words(
            terms.split("|") if terms else report_terms(self.studies[row].report, self.studies[row].labels)
            for row, terms in enumerate(self.records.terms)
        )

    def _neighbours(self, query: Vectors, k: int, allowed: Rows | None) -> Neighbours:
        """By the graph where it is quicker, exactly elsewhere and wherever the graph gives too few."""
        exact = ExactIndex(self.vectors, self.costs.gathered)
        if self.index is not None and self.index.cost(k, allowed) < exact.cost(k, allowed):
            found = self.index.search(query, k, allowed)
            if len(found.rows) == min(k, len(self) if allowed is None else len(allowed)):
                return found
        return exact.search(query, k, allowed)


def _is_there(root: str, image: str) -> bool:
    """Whether there is such a file; a quick look, ``image_path`` is the one that counts."""
    try:
        return os.path.isfile(os.path.join(root, image))
    except ValueError:
        return False
