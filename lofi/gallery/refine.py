"""One query vector from several wishes: a film, a text, studies to be like and studies to be unlike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

FILM, TEXT, LIKE, UNLIKE = 1.0, 1.0, 0.75, -0.15
"""Weights of the parts: Manning, Raghavan and Schütze's α = 1 for what was asked, β = 0.75, γ = 0.15."""

SPREAD_ROWS = 2_000
"""So many rows of a gallery are enough to tell how far a part's similarities vary."""


@dataclass(frozen=True)
class Wish:
    """One part of a query: an (E,) vector and its weight, negative for what hits should be unlike."""

    vector: Vectors
    weight: float


def wishes(film: Vectors | None, text: Vectors | None, like: Vectors, unlike: Vectors) -> tuple[Wish, ...]:
    """The parts of a query: unit vectors (E,) of a film and a text, (K, E) of studies; a missing one is left out."""
    parts = [Wish(vector, weight) for vector, weight in ((film, FILM), (text, TEXT)) if vector is not None]
    parts += [Wish(rows.mean(axis=0), weight) for rows, weight in ((like, LIKE), (unlike, UNLIKE)) if len(rows)]
    return tuple(parts)


def combined(parts: Sequence[Wish], gallery: Vectors) -> Vectors:
    """The unit (E,) query of one or more parts for a gallery of (N, E) unit vectors.

    Rocchio's formula (Rocchio 1971; Manning et al., Introduction to Information Retrieval, 2008, equation 9.3),
    q = α·q₀ + β·mean(like) − γ·mean(unlike), with each part divided by the standard deviation of its similarities
    to the gallery. Without that a film would drown a text: similarities between films vary several times as much as
    those between a text and films. A part's mean similarity needs no correction, it is the same for every study.
    """
    if len(parts) == 1 and parts[0].weight > 0:
        return parts[0].vector
    rows = gallery[:: max(1, len(gallery) // SPREAD_ROWS)]
    total = np.sum([part.weight * part.vector / _spread(rows @ part.vector) for part in parts], axis=0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length > 1e-6 else parts[0].vector, dtype=np.float32)


def _spread(similarities: Vectors) -> float:
    """Their standard deviation; 1 where they do not vary (one study, or copies of it)."""
    found = float(similarities.std()) if len(similarities) else 0.0
    return found if found > 1e-6 else 1.0
