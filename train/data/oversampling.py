"""Over-sampling of abnormal films: one with no positive label is swapped for a random one (PAPER.md: p = 0.7)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.film import NO_FINDING
from train.data.records import FilmRecord


def positives(records: Sequence[FilmRecord]) -> NDArray[np.bool_]:
    """(F,) True for films with a positive label: a finding named, or boxed."""
    return np.asarray(
        [
            any(label != NO_FINDING for label in record.findings) or any(box.kind == "finding" for box in record.boxes)
            for record in records
        ],
        dtype=bool,
    )


def swap_normals(
    drawn: NDArray[np.int64], positive: NDArray[np.bool_], rng: np.random.Generator, swap: float
) -> NDArray[np.int64]:
    """(B,) film numbers in place of the (B,) ``drawn``; ``positive`` is (F,) over all films.

    Each drawn film without a positive label is replaced, with chance ``swap``, by one drawn uniformly from all F films,
    once (the replacement is kept even when it is normal). A share a of abnormal films becomes a + (1 − a)·swap·a.
    ``drawn`` is not changed; abnormal films stay where they are, and two random numbers a film are used whatever
    happens, so that a step can be redone.
    """
    if not 0 <= swap <= 1:
        raise ValueError("swap is a chance between 0 and 1")
    if not len(positive):
        raise ValueError("there are no films to draw from")
    chance = rng.random(len(drawn))
    others = rng.integers(len(positive), size=len(drawn))
    return np.where(~positive[drawn] & (chance < swap), others, drawn).astype(np.int64)
