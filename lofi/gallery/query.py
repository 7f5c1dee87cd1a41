"""What a gallery is searched with, checked."""

import numpy as np
from numpy.typing import ArrayLike

from lofi.errors import BadQuery
from lofi.gallery.vector_index import Vectors


def hit_count(k: object) -> int:
    """``k``, a whole number of at least 1. Raises BadQuery."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise BadQuery("The number of hits must be a whole number of at least 1.")
    return int(k)


def unit_query(vector: ArrayLike, dim: int) -> Vectors:
    """The (E,) query of length 1. Raises BadQuery."""
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
