"""Films that were embedded before are known by their content, whatever they are called: no network sees them again."""

from collections import ChainMap
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes, as_boxes
from lofi.errors import GalleryMismatch
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.regions import boxed_studies
from lofi.gallery.vector_index import Vectors
from lofi.results import PooledRegions
from train.indexing.model import Model

PIECE = 10_000
"""Films of a gallery that is one of many, at most."""


class Known:
    """``model``, asked only about the films, and the boxes in films, that are in no gallery it has been shown.

    Content is the SHA-256 of a film's file. ``embedded`` counts the films that the model was asked about.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._vectors: ChainMap[str, Vectors] = ChainMap()
        self._boxes: ChainMap[tuple[str, bytes], PooledRegions] = ChainMap()
        self._phrases: dict[str, Vectors] = {}
        self.embedded = 0

    def beside(self, galleries: Iterable[Gallery]) -> "Known":
        """The same for one piece, with some galleries more: what it learns is forgotten with it."""
        other = Known(self._model)
        other._vectors, other._boxes = self._vectors.new_child(), self._boxes.new_child()
        other._phrases = self._phrases  # few, and the same in many pieces
        other.learn(galleries)
        return other

    @property
    def fingerprint(self) -> str:
        """As the model's."""
        return self._model.fingerprint

    @property
    def name(self) -> str:
        """As the model's."""
        return self._model.name

    @property
    def embed_dim(self) -> int:
        """As the model's."""
        return self._model.embed_dim

    def learn(self, galleries: Iterable[Gallery]) -> None:
        """Take in what galleries of this model hold; one of another model is passed over, one whose regions are damaged
        brings its films alone.
        """
        for gallery in galleries:
            if gallery.fingerprint != self.fingerprint:
                continue
            hashes = [row.tobytes().hex() for row in gallery.records.fixed("film_sha256")]
            # Pieces are copied: one that is mapped keeps files open, and there may be thousands.
            vectors = np.array(gallery.vectors) if len(gallery) <= PIECE else gallery.vectors
            self._vectors.update(zip(hashes, vectors, strict=True))
            self._learn_boxes(gallery, hashes)

    def _learn_boxes(self, gallery: Gallery, hashes: Sequence[str]) -> None:
        try:
            regions = RegionIndex.open(gallery) if boxed_studies(gallery) else None
        except GalleryMismatch:
            return
        if regions is None:
            return
        self._phrases.update(zip(regions.phrases, regions.phrase_vectors, strict=True))
        for row, pooled in regions.pooled().items():
            boxes = as_boxes([box.box for box in gallery.studies[row].boxes])
            self._boxes[hashes[row], boxes.tobytes()] = PooledRegions(*map(np.array, pooled))

    def embed(self, radiographs: list[Radiograph]) -> NDArray[np.float32]:
        """(B, E) vectors of films, of those that are the same but one asked for."""
        new = {film.sha256: film for film in radiographs if film.sha256 not in self._vectors}
        if new:
            self._vectors.update(zip(new, self._model.embed(list(new.values())), strict=True))
            self.embedded += len(new)
        return np.stack([self._vectors[film.sha256] for film in radiographs])

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, T) vectors of phrases."""
        new = [text for text in dict.fromkeys(texts) if text not in self._phrases]
        if new:
            self._phrases.update(zip(new, self._model.embed_text(new), strict=True))
        return np.stack([self._phrases[text] for text in texts])

    def embed_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the model's."""
        return self._model.embed_query(texts)

    def embed_regions(self, radiograph: Radiograph, boxes: Boxes) -> PooledRegions:
        """The (M, 4) boxes of a film, pooled."""
        key = (radiograph.sha256, as_boxes(boxes).tobytes())
        if key not in self._boxes:
            self._boxes[key] = self._model.embed_regions(radiograph, boxes)
        return self._boxes[key]
