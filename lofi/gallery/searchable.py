"""What is asked of a gallery, wherever it lies: in a folder (lofi.gallery.gallery), in an engine (lofi.gallery.milvus).

A ``row`` is the number under which a gallery knows a study: its place in a folder's files, its key in an engine.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from numpy.typing import ArrayLike

from lofi.gallery.vector_index import Neighbours, Rows, Vectors
from lofi.gallery.where import Where
from lofi.gallery.words import Ranking
from lofi.results import Hit, Study

SAMPLED = 2_000
"""So many vectors of a gallery, evenly spread, are enough to tell how similarities are distributed."""


class Facets(Protocol):
    """What a gallery can be filtered by."""

    @property
    def simulated(self) -> int:
        """How many studies are simulated."""
        ...

    def values(self, name: str) -> Counter[str]:
        """How often each view, sex, label or source occurs, as it is written."""
        ...


class Searchable(Protocol):
    """Studies with their vectors. Never changes what it has answered for; threads may share it."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def digest(self) -> str:
        """What tells one state of its records from another; "" where it has none."""
        ...

    @property
    def columns(self) -> Facets: ...

    @property
    def sample(self) -> Vectors:
        """(n, E) vectors of some ``SAMPLED`` studies, evenly spread."""
        ...

    def __len__(self) -> int: ...

    def near(self, vector: ArrayLike, k: int, where: Where | None = None) -> Neighbours:
        """The rows of at most ``k`` studies most similar to an (E,) vector, best first. Raises BadQuery."""
        ...

    def search(self, vector: ArrayLike, k: int = 8, where: Where | None = None) -> list[Hit]:
        """The hits at these rows."""
        ...

    def said(self, terms: Sequence[str], k: int, where: Where | None = None) -> Ranking:
        """At most ``k`` studies whose reports state one of these terms (lofi.report.terms), best first."""
        ...

    def row_of(self, study_id: str) -> int | None:
        """The row of a study; None where there is none of that id."""
        ...

    def studies_at(self, rows: Iterable[int]) -> list[Study]:
        """The studies at some rows, in their order."""
        ...

    def vectors_at(self, rows: Sequence[int] | Rows) -> Vectors:
        """(n, E) the vectors at some rows, in their order."""
        ...

    def of_film(self, film: str, vector: Vectors, alike: float) -> Rows | None:
        """Rows of studies with this film print (lofi.film.likeness), and a similarity above ``alike``.

        None where the gallery knows no prints.
        """
        ...

    def first(self, count: int) -> Sequence[Study]:
        """``count`` studies at most, always the same ones."""
        ...

    def each(self, where: Where | None = None) -> Iterator[Study]:
        """The studies that a filter lets through."""
        ...

    def image_path(self, study: Study) -> Path | None:
        """The study's film on disk; None where it has none or its path leads out of the gallery's folders."""
        ...

    def thumbnail_path(self, study: Study) -> Path | None:
        """The study's thumbnail on disk; None as for ``image_path``."""
        ...

    def missing_films(self) -> str:
        """One sentence on films that are not where the gallery looks for them; "" where all are there."""
        ...
