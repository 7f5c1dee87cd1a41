"""Films on their way: their bytes counted over all requests while they arrive, so that nobody fills the memory so."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lofi.errors import Busy
from lofi.film.exposure import MAX_BYTES

MOST, EACH = 2**30, 3 * MAX_BYTES
"""Bytes in all, and of one user or address: three of the largest films, or dozens of usual ones."""
FULL = "Too many films are on their way here: send this one again in a minute."


class Coming:
    """Counts what has arrived of bodies that are not whole yet. Lives in the event loop."""

    def __init__(self, most: int = MOST, each: int = EACH) -> None:
        self.most, self.each = most, each
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """Bytes of all."""
        return self._held.total()

    @contextmanager
    def body(self, name: str) -> Iterator[Callable[[int], None]]:
        """While a body of ``name`` arrives: what counts its bytes, and raises Busy where there is no room for them."""
        mine = 0

        def counted(size: int) -> None:
            nonlocal mine
            if self.held + size > self.most or self._held[name] + size > self.each:
                raise Busy(FULL)
            self._held[name] += size
            mine += size

        try:
            yield counted
        finally:
            self._held[name] -= mine
            if self._held[name] <= 0:
                del self._held[name]
