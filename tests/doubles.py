"""Stand-ins for interfaces whose real side is slow or trained: never for the thing under test."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from lofi.boxes import Boxes
from lofi.film.radiograph import Radiograph
from lofi.network.pooled import pool_tokens, pool_vectors
from lofi.results import PooledRegions


@dataclass
class TinyEmbedder:
    """The Embedder protocols by a fixed random projection of an 8 × 8 picture of the film, or of a region of it."""

    fingerprint: str = "a1b2c3d4" * 8
    name: str = "tiny"
    embed_dim: int = 16
    batches: list[int] = field(default_factory=list)

    def embed(self, radiographs: list[Radiograph]) -> NDArray[np.float32]:
        self.batches.append(len(radiographs))
        projection = np.random.default_rng(0).standard_normal((64, self.embed_dim))
        small = [cv2.resize(film.pixels, (8, 8), interpolation=cv2.INTER_AREA).ravel() for film in radiographs]
        vectors = (np.stack(small) - 0.5) @ projection
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [np.random.default_rng(list(text.encode())).standard_normal(self.embed_dim) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)

    embed_query = embed_text

    def embed_regions(self, radiograph: Radiograph, boxes: Boxes) -> PooledRegions:
        small = cv2.resize(radiograph.pixels, (8, 8), interpolation=cv2.INTER_AREA).reshape(64, 1) - 0.5
        content = np.asarray(small * np.linspace(-1, 1, 6) ** 2 + np.linspace(0, 1, 6), dtype=np.float32)
        nothing = np.zeros((len(boxes), 0), dtype=np.float32)
        return PooledRegions(
            pool_vectors(content, boxes), pool_tokens(content, boxes), boxes.astype(np.float32), nothing
        )


def clustered(count: int, dim: int, clusters: int = 20, seed: int = 0) -> NDArray[np.float32]:
    """(count, dim) unit vectors round random centres, as embeddings of films are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dim))
    vectors = centres[random.integers(0, clusters, count)] + 0.7 * random.standard_normal((count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def noise_film(seed: int, size_hw: tuple[int, int] = (60, 40), view: str = "") -> Radiograph:
    """A film of smooth noise, taller than wide."""
    coarse = np.random.default_rng(seed).random((6, 4), dtype=np.float32)
    pixels = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return Radiograph.from_pixels(np.clip(pixels, 0, 1), view=view)
