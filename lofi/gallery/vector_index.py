"""What every search over vectors offers, whichever library or engine stands behind it."""

from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Filter = TypeVar("Filter", contravariant=True)
"""How a search says which studies may be found: ``Rows`` in memory, an expression (str) in an engine elsewhere."""


class Neighbours(NamedTuple):
    """``rows`` (K,) int64 into the gallery's vectors and their ``similarities`` (K,) float32, −1 … 1, best first."""

    rows: Rows
    similarities: NDArray[np.float32]


class VectorIndex(Protocol[Filter]):
    """Nearest neighbours by cosine similarity among N unit vectors."""

    def search(self, query: Vectors, k: int, allowed: Filter | None = None) -> Neighbours:
        """At most ``k`` neighbours of the (E,) unit ``query``, only among those ``allowed`` if given (rows ascend).

        May return fewer than ``k``; never raises because there are fewer. Safe to call from several threads.
        """
        ...


class LocalIndex(VectorIndex[Rows], Protocol):
    """An index in this process's memory, beside which another one may be the quicker way."""

    def cost(self, k: int, allowed: Rows | None = None) -> float:
        """How long such a search takes, in rows of one matrix product: the gallery takes the cheaper way."""
        ...
