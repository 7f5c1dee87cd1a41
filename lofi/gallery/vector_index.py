"""What every search over vectors offers, whichever library stands behind it."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]


class Neighbours(NamedTuple):
    """``rows`` (K,) int64 into the gallery's vectors and their ``similarities`` (K,) float32, −1 … 1, best first."""

    rows: Rows
    similarities: NDArray[np.float32]


class VectorIndex(Protocol):
    """Nearest neighbours by cosine similarity among N unit vectors."""

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> Neighbours:
        """At most ``k`` neighbours of the (E,) unit ``query``, only from the ascending rows ``allowed`` if given.

        May return fewer than ``k``; never raises because there are fewer. Safe to call from several threads.
        """
        ...

    def cost(self, k: int, allowed: Rows | None = None) -> float:
        """How long such a search takes, in rows of one matrix product: the gallery takes the cheaper way."""
        ...
