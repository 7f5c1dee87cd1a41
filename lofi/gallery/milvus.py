"""A gallery that an engine holds: records, vectors and filters are in Milvus, films and thumbnails under a folder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lofi.errors import BadQuery, GalleryMismatch
from lofi.film.likeness import SAME, differing
from lofi.gallery.filters import unknown
from lofi.gallery.milvus_client import MOST, Collection
from lofi.gallery.milvus_place import MilvusPlace
from lofi.gallery.milvus_rows import expression, key_of, study_of_row, words
from lofi.gallery.pictures import inside
from lofi.gallery.query import hit_count, unit_query
from lofi.gallery.searchable import SAMPLED
from lofi.gallery.text import fold
from lofi.gallery.vector_index import Neighbours, Rows, VectorIndex, Vectors
from lofi.gallery.where import Where
from lofi.gallery.words import Ranking
from lofi.results import Hit, Study

TWINS = 64
"""So many of the nearest studies are asked whether they show the film itself."""
_RECORD = ["key", "record", "report"]


@dataclass(frozen=True)
class MilvusFacets:
    """What the gallery can be filtered by, counted when it was loaded."""

    simulated: int
    counts: dict[str, Counter[str]]

    def values(self, name: str) -> Counter[str]:
        """How often each view, sex, label or source occurs, as it is written."""
        return self.counts.get(name, Counter())


@dataclass(frozen=True, eq=False)
class MilvusGallery:
    """The studies of a ``collection``, (E = ``dim``). Rows are its keys. Implements lofi.gallery.searchable."""

    collection: Collection
    fingerprint: str
    model: str
    dim: int
    digest: str
    columns: MilvusFacets
    image_root: Path | None = None

    @classmethod
    def open(
        cls, place: MilvusPlace, fingerprint: str | None = None, image_root: Path | None = None
    ) -> "MilvusGallery":
        """The gallery at a place. Raises GalleryMismatch where there is none or another model made its vectors."""
        collection = Collection(place)
        about = collection.about()
        if fingerprint is not None and fingerprint != about["fingerprint"]:
            raise GalleryMismatch(
                f"The gallery in Milvus was built by another model ({str(about['fingerprint'])[:8]}) than the one in "
                f"use ({fingerprint[:8]}): build it again and load it under another name, or load its own model."
            )
        try:
            counts = {name: Counter({str(k): int(n) for k, n in v.items()}) for name, v in about["values"].items()}
            facets = MilvusFacets(int(about["simulated"]), counts)
            dim = int(about["dim"])
        except (ValueError, TypeError, AttributeError):
            raise GalleryMismatch("What Milvus says of this gallery is damaged: load it again with --to.") from None
        said = {name: str(about[name]) for name in ("fingerprint", "model", "digest")}
        return cls(collection, dim=dim, columns=facets, image_root=image_root, **said)

    @property
    def title(self) -> str:
        """The name of the collection."""
        return self.collection.name

    @cached_property
    def sample(self) -> Vectors:
        """(n, E) vectors of ``SAMPLED`` studies: the keys are hashes, so that those of the lowest are drawn at random.

        Twice as many are let through as are wanted on average, so that there are enough.
        """
        share = min(1.0, 2 * SAMPLED / max(1, len(self)))
        rows = self.collection.query(f"key <= {min(int(share * 2**63), 2**63 - 1)}", ["vector"], SAMPLED)
        return self._vectors([row["vector"] for row in rows])

    def __len__(self) -> int:
        return len(self.collection)

    def near(self, vector: ArrayLike, k: int, where: Where | None = None) -> Neighbours:
        """As lofi.gallery.searchable; ``MOST`` hits at most. Raises BadQuery."""
        index: VectorIndex[str] = self.collection
        found = index.search(unit_query(vector, self.dim), min(hit_count(k), MOST), self._expression(where))
        return Neighbours(found.rows, np.clip(found.similarities, -1, 1))

    def search(self, vector: ArrayLike, k: int = 8, where: Where | None = None) -> list[Hit]:
        """At most ``k`` hits for an (E,) vector of any length, the most similar first, of studies that ``where`` lets.

        Raises BadQuery for a vector of another size, one that is not finite or is zero, and for ``k`` < 1.
        """
        found = self.near(vector, k, where)
        return [
            Hit(study, float(similarity), rank)
            for rank, (study, similarity) in enumerate(
                zip(self.studies_at(found.rows.tolist()), found.similarities, strict=True), start=1
            )
        ]

    def said(self, terms: Sequence[str], k: int, where: Where | None = None) -> Ranking:
        """At most ``k`` studies whose reports state one of these terms, by the engine's own BM25."""
        asked = words(dict.fromkeys(terms))
        if not asked:
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
        found = self.collection.said(asked, min(k, MOST), self._expression(where))
        return Ranking(found.rows, found.similarities)

    def row_of(self, study_id: str) -> int | None:
        """The key of a study; None where there is none of that id."""
        key = key_of(study_id)
        return key if self.collection.get([key], ["key"]) else None

    def studies_at(self, rows: Iterable[int]) -> list[Study]:
        """The studies of some keys, in their order. Raises BadQuery for one that has been taken out meanwhile."""
        keys = [int(row) for row in rows]
        found = self.collection.get(keys, _RECORD)
        return [study_of_row(self._there(found, key)) for key in keys]

    def vectors_at(self, rows: Sequence[int] | Rows) -> Vectors:
        """(n, E) the vectors of some keys, in their order. Raises BadQuery as ``studies_at``."""
        keys = [int(row) for row in rows]
        found = self.collection.get(keys, ["key", "vector"])
        return self._vectors([self._there(found, key)["vector"] for key in keys])

    def of_film(self, film: str, vector: Vectors, alike: float) -> Rows | None:
        """Keys of studies with this film print among the nearest ``TWINS``, more similar than ``alike``."""
        found = self.collection.search(vector, TWINS)
        near = [int(key) for key, how in zip(found.rows, found.similarities, strict=True) if how > alike]
        studies = zip(near, self.studies_at(near), strict=True)
        return np.array([key for key, study in studies if differing(study.film_print, film) <= SAME], dtype=np.int64)

    def first(self, count: int) -> Sequence[Study]:
        """``count`` studies at most."""
        return [study_of_row(row) for row in self.collection.query("key >= 0", _RECORD, min(count, MOST))]

    def each(self, where: Where | None = None) -> Iterator[Study]:
        """The studies that a filter lets through."""
        return map(study_of_row, self.collection.each(self._expression(where), _RECORD))

    def image_path(self, study: Study) -> Path | None:
        """The study's film on disk; None where it has none or its path leads out of the folder of the films."""
        return inside(self.image_root, study.image)

    def thumbnail_path(self, study: Study) -> Path | None:
        """The study's thumbnail on disk; None as for ``image_path``."""
        return inside(self.image_root, study.thumbnail)

    def missing_films(self, most: int = 200) -> str:
        """One sentence where films are not found, of the ``most`` studies that are looked at; "" where all are."""
        images = [study for study in self.first(most) if study.image]
        gone = sum(self.image_path(study) is None for study in images)
        if gone == 0:
            return ""
        return (
            f"About {gone / len(images):.0%} of the gallery's films are not found: set LOFI_IMAGE_ROOT or "
            "--images-root to the folder of the films. Searching works without them."
        )

    def _expression(self, where: Where | None) -> str:
        """What Milvus is asked for. Raises BadQuery, with the labels there are, for one that no study has."""
        for name in ("label", "source") if where is not None else ():
            spelled = self.columns.values(name)
            known = set(map(fold, spelled))
            if not all(fold(value) in known for value in getattr(where, name)):
                raise BadQuery(unknown(name, spelled))
        return expression(where)

    def _there(self, found: dict[int, dict[str, Any]], key: int) -> dict[str, Any]:
        if key not in found:
            raise BadQuery("A study of the gallery was taken out meanwhile: search again.")
        return found[key]

    def _vectors(self, rows: Sequence[Sequence[float]]) -> Vectors:
        return np.array(rows, dtype=np.float32).reshape(-1, self.dim)
