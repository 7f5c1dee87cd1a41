"""The boxes of a gallery as a searchable index beside its studies.

Phrases, boxes and patients stay in the gallery's records; the index holds only what a model made of them. gallery.json
vouches for both in one step; an index that does not fit the records is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow.compute as pc
import safetensors.numpy
from numpy.typing import ArrayLike, NDArray

from lofi.boxes import Boxes, as_boxes, side_of
from lofi.errors import BadQuery, GalleryMismatch, LofiError
from lofi.files import plain
from lofi.film.radiograph import Radiograph
from lofi.gallery import stamps, tensors
from lofi.gallery.exact import best_first
from lofi.gallery.gallery import Gallery
from lofi.gallery.vector_index import Rows, Vectors
from lofi.gallery.where import Where
from lofi.results import POOLED_TOKENS, PooledRegions, RegionBox, Study

FORMAT_1_MANIFEST = "regions.json"
"""What vouches for the regions of a gallery of format 1; later gallery.json does."""
SIZE_LIMIT = 100_000
WEIGHTS = {"": 1.0, "exact": 1.0, "weak": 0.25}
"""How far a box is to be believed, by its ``quality``; any other word means that a machine drew it."""
PSEUDO_WEIGHT = 0.5
_DAMAGED = "The gallery's regions are damaged: build the gallery again with python -m train.index."
_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


class RegionEmbedder(Protocol):
    """What the index needs of a model; the gallery imports none."""

    @property
    def fingerprint(self) -> str: ...

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, E) float32 unit vectors of phrases."""
        ...

    def embed_regions(self, radiograph: Radiograph, boxes: Boxes) -> PooledRegions:
        """The (M, 4) boxes of a film, pooled."""
        ...


class RegionHit(NamedTuple):
    """A box of a gallery study that resembles the query; cosine ``similarity`` −1 … 1, ``rank`` from 1."""

    study: Study
    box: RegionBox
    similarity: float
    rank: int


@dataclass(frozen=True, eq=False)
class RegionIndex:
    """R boxes of the studies of a ``gallery``, in the order of its records; read-only, so threads may share it.

    ``study`` and ``number`` (R,): which study of the gallery, which of its boxes. ``vectors`` (R, D) float32 unit rows;
    ``tokens`` (R, T, W) float16, ``canvas`` (R, 4) and ``seen`` (R, T), or (R, 0), as in lofi.results.PooledRegions.
    ``phrase_vectors`` (U, T) unit rows of ``phrases``.
    """

    gallery: Gallery
    study: Rows
    number: Rows
    vectors: Vectors
    tokens: NDArray[np.float16]
    canvas: NDArray[np.float32]
    seen: Vectors
    phrase_vectors: Vectors

    @classmethod
    def build(cls, gallery: Gallery, model: RegionEmbedder, watch: Iterable[int] | None = None) -> "RegionIndex":
        """Pool every box of every study whose film can be read; ``watch`` wraps the rows of the boxed studies.

        Raises GalleryMismatch when another model built the gallery.
        """
        if model.fingerprint != gallery.fingerprint:
            raise GalleryMismatch("Regions must be made by the model that built the gallery.")
        found = {
            row: pooled
            for row in (boxed_studies(gallery) if watch is None else watch)
            if (pooled := _pooled(gallery, gallery.studies[row], model)) is not None
        }
        return cls.of(gallery, found, model.embed_text)

    @classmethod
    def of(
        cls, gallery: Gallery, pooled: Mapping[int, PooledRegions], embed_text: Callable[[Sequence[str]], Vectors]
    ) -> "RegionIndex":
        """The index of the boxes that are already pooled, by row of the gallery's studies."""
        counts = [len(item.vectors) for item in pooled.values()]
        nothing = PooledRegions(
            np.zeros((0, 1), np.float32),
            np.zeros((0, POOLED_TOKENS, 1), np.float16),
            np.zeros((0, 4), np.float32),
            np.zeros((0, 0), np.float32),
        )
        joined = PooledRegions(*map(np.concatenate, zip(*(pooled.values() or [nothing]), strict=True)))
        made = cls(
            gallery,
            np.repeat(np.asarray(list(pooled), dtype=np.int64), counts),
            np.concatenate([np.arange(count) for count in [0, *counts]]).astype(np.int64),
            *joined,
            phrase_vectors=np.zeros((0, 1), dtype=np.float32),
        )
        return replace(made, phrase_vectors=embed_text(made.phrases)) if made.phrases else made

    @classmethod
    def open(cls, gallery: Gallery) -> "RegionIndex | None":
        """The index in the gallery's folder; None where there is none. Raises GalleryMismatch where it does not fit."""
        found = None if gallery.folder is None else _file_of(gallery.folder, gallery)
        if found is None:
            return None
        path, digest = found
        stamps.check(path, digest, "regions")
        return cls.map(gallery, path)

    @classmethod
    def map(cls, gallery: Gallery, path: Path) -> "RegionIndex":
        """The index in a file, mapped. Raises GalleryMismatch where it is no index of this gallery's boxes."""
        try:
            stored = tensors.mapped(path)
            arrays = {name: stored[name] for name in cls._NAMES}
        except (OSError, KeyError, ValueError):
            raise GalleryMismatch(_DAMAGED) from None
        if any(array.dtype.kind != ("i" if name in ("study", "number") else "f") for name, array in arrays.items()):
            raise GalleryMismatch(_DAMAGED)
        for name in ("study", "number"):
            arrays[name] = arrays[name].astype(np.int64)
        for name in ("vectors", "canvas", "seen", "phrase_vectors"):
            arrays[name] = arrays[name].astype(np.float32)
        for array in arrays.values():
            array.setflags(write=False)
        made = cls(gallery=gallery, **arrays)
        if not made._is_sound():
            raise GalleryMismatch(_DAMAGED)
        return made

    _NAMES = ("study", "number", "vectors", "tokens", "canvas", "seen", "phrase_vectors")

    def _is_sound(self) -> bool:
        """Whether shapes agree, numbers are finite and every row names a box that the gallery has.

        A hash vouches for the bytes only to whoever made both.
        """
        ranks = {"study": 1, "number": 1, "tokens": 3}
        if any(getattr(self, name).ndim != ranks.get(name, 2) for name in self._NAMES):
            return False
        count, studies = len(self.study), self.gallery.studies
        if any(len(getattr(self, name)) != count for name in self._NAMES[:-1]):
            return False
        if not all(np.isfinite(getattr(self, name)).all() for name in self._NAMES):
            return False
        whole = self.gallery.vectors.shape[1]
        widths = {self.seen.shape[1], self.phrase_vectors.shape[1]} - {0}
        # As wide as the films' vectors, or half of it where films are embedded by two networks and words by one.
        if self.tokens.shape[1] != POOLED_TOKENS or (count and widths not in ({whole}, {whole // 2}, set())):
            return False
        inside = ((self.study >= 0) & (self.study < len(studies)) & (self.number >= 0)).all()
        if not inside or not self._boxes_exist():
            return False
        return len(self.phrase_vectors) == len(self.phrases) and self.canvas.shape == (count, 4)

    def _boxes_exist(self) -> bool:
        try:
            return len(self.boxes) == len(self)
        except IndexError:
            return False

    def to_bytes(self) -> bytes:
        """The file that ``open`` reads; ``Gallery.save`` puts it beside the gallery that it is of."""
        kinds = {"study": np.int32, "number": np.int32, "canvas": np.float32}
        stored = {name: np.ascontiguousarray(getattr(self, name), kinds.get(name, np.float16)) for name in self._NAMES}
        return bytes(safetensors.numpy.save(stored))

    def pooled(self) -> dict[int, PooledRegions]:
        """The boxes by row of the gallery's studies, as ``of`` takes them: to be put beside others."""
        found: dict[int, PooledRegions] = {}
        ends = np.flatnonzero(np.diff(self.study, prepend=-1, append=-1)).tolist()
        for first, last in pairwise(ends):
            part = slice(first, last)
            found[int(self.study[first])] = PooledRegions(
                self.vectors[part], self.tokens[part], self.canvas[part], self.seen[part]
            )
        return found

    def __len__(self) -> int:
        return len(self.study)

    @cached_property
    def boxes(self) -> tuple[RegionBox, ...]:
        """(R,) the boxes as the records have them."""
        return tuple(study.boxes[number] for study, number in zip(self._owners(), self.number.tolist(), strict=True))

    def _owners(self) -> Iterator[Study]:
        """(R,) the study of each box; neighbours are of the same one, which is then made once."""
        row, study = -1, None
        for owner in self.study.tolist():
            if owner != row or study is None:
                row, study = owner, self.gallery.studies[owner]
            yield study

    @cached_property
    def said(self) -> tuple[tuple[str, str], ...]:
        """(R,) each box's phrase bare and with the side on which it lies."""
        return tuple((box.phrase, sided_phrase(box)) for box in self.boxes)

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """(U,) every phrase of ``said`` once."""
        return tuple(dict.fromkeys(phrase for pair in self.said for phrase in pair))

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """(R,) how far each box is believed, 0 … 1; 1 is a trusted box, drawn by hand or known by construction."""
        return np.array([WEIGHTS.get(box.quality, PSEUDO_WEIGHT) for box in self.boxes], dtype=np.float32)

    def select(self, where: Where | None = None, kinds: Sequence[str] = ()) -> Rows:
        """(n,) ascending rows whose study ``where`` lets through, of the kinds named ("finding"), of all by default."""
        studies = self.gallery.select(where)
        keep = np.ones(len(self), dtype=bool) if studies is None else np.isin(self.study, studies)
        if kinds:
            keep &= np.array([box.kind in kinds for box in self.boxes], dtype=bool)
        return np.flatnonzero(keep)

    def search(
        self, vector: ArrayLike, k: int = 8, where: Where | None = None, kinds: Sequence[str] = ()
    ) -> tuple[RegionHit, ...]:
        """At most ``k`` regions like the (D,) ``vector``, most similar first, the best one of each study.

        Raises BadQuery for a vector of another size or without a direction.
        """
        query = np.asarray(vector, dtype=np.float32)
        length = float(np.linalg.norm(query)) if query.ndim == 1 else 0.0
        if len(self) == 0:
            return ()
        if query.shape != (self.vectors.shape[1],) or not np.isfinite(length) or length < 1e-6 or k < 1:
            raise BadQuery(
                f"Regions are searched with a vector of {self.vectors.shape[1]} numbers, and k of at least 1."
            )
        rows = self.select(where, kinds)
        similarities = self.vectors[rows] @ (query / length)
        hits: dict[int, RegionHit] = {}
        for place in best_first(similarities, len(rows)):
            row = int(rows[place])
            study = int(self.study[row])
            if study not in hits:
                near = float(np.clip(similarities[place], -1, 1))
                hits[study] = RegionHit(self.gallery.studies[study], self.boxes[row], near, len(hits) + 1)
            if len(hits) == k:
                break
        return tuple(hits.values())


def boxed_studies(gallery: Gallery) -> list[int]:
    """Rows of the gallery's studies that bring a box."""
    counts = pc.list_value_length(gallery.records.table["boxes"]).fill_null(0)
    return [int(row) for row in np.flatnonzero(counts.to_numpy())]


def _file_of(folder: Path, gallery: Gallery) -> tuple[Path, str] | None:
    """The file of regions that goes with a gallery, and its hash; None where there is none.

    Raises GalleryMismatch where there are regions of another one.
    """
    manifest = gallery.manifest
    if manifest is None:
        return None
    other = "The gallery's regions are those of another gallery or model: build it again."
    if manifest.fingerprint != gallery.fingerprint:
        raise GalleryMismatch(other)
    if manifest.format > 1:
        name = manifest.regions_file
        return (folder / name, manifest.regions_sha256) if name else None
    if not (folder / FORMAT_1_MANIFEST).is_file():
        return None
    try:
        about = plain.read_object(folder / FORMAT_1_MANIFEST, SIZE_LIMIT)
        fits = (about["format"], about["fingerprint"], about["records_sha256"])
        digest = plain.sha256(about["tensors_sha256"], "tensors_sha256")
    except (OSError, ValueError, KeyError):
        raise GalleryMismatch(_DAMAGED) from None
    if fits != (2, manifest.fingerprint, manifest.records_sha256):
        raise GalleryMismatch(other)
    return folder / manifest.regions_file, digest


def side_named(phrase: str) -> str:
    """The one side, "left" or "right", that a phrase names; "" where it names none or both."""
    named = {match.lower() for match in _SIDES.findall(phrase)}
    return named.pop() if len(named) == 1 else ""


def sided_phrase(box: RegionBox) -> str:
    """The phrase of a finding with the side on which its box lies: "left pleural effusion"."""
    side = side_of(box.box) if box.kind == "finding" and not _SIDES.search(box.phrase) else ""
    return f"{side} {box.phrase}".strip()


def _pooled(gallery: Gallery, study: Study, model: RegionEmbedder) -> PooledRegions | None:
    path = gallery.image_path(study)
    if path is None:
        return None
    try:
        film = Radiograph.read(path)
    except (LofiError, OSError):
        return None
    return model.embed_regions(film, as_boxes([box.box for box in study.boxes]))
