"""A bounded store of values that are costly to make, fair to those they were made for, safe for several threads."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Kept(NamedTuple, Generic[T]):
    value: T
    size: int
    owner: str


class Shelf(Generic[T]):
    """Keeps the most recently used values by key, ``capacity`` in all by what ``weigh`` says of each (1 by default).

    When it is full, the least recently used value of whoever holds the most goes: one owner's long list does not push
    out another's only value. The value put last always stays, even alone above the capacity. Two threads that ask for
    the same missing key make it once: the second waits for the first. Different keys are made at the same time.
    """

    def __init__(self, capacity: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self._capacity, self._weigh = capacity, weigh
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._making: dict[str, Lock] = {}
        self._lock = Lock()

    def get(self, key: str) -> T | None:
        """The value, now the most recently used; None when it is not (or no longer) here."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key].value

    def get_or_make(self, key: str, make: Callable[[], T], owner: str = "") -> T:
        """The value, made by ``make`` for ``owner`` where missing; nothing is kept when ``make`` raises."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            value = self.get(key)
            if value is None:
                try:
                    value = make()
                    self.put(key, value, owner)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return value

    def put(self, key: str, value: T, owner: str = "") -> None:
        """Keep a value for ``owner``; others go when the shelf is full."""
        size = self._weigh(value)
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(value, size, owner)
            self._held[owner] += size
            while self._held.total() > self._capacity and len(self._kept) > 1:
                self._drop(self._least_missed(key))

    @property
    def size(self) -> int:
        """What all values weigh together."""
        return self._held.total()

    def _drop(self, key: str) -> None:
        if key in self._kept:
            gone = self._kept.pop(key)
            self._held[gone.owner] -= gone.size
            if self._held[gone.owner] <= 0:
                del self._held[gone.owner]

    def _least_missed(self, fresh: str) -> str:
        """The key to go next, never the ``fresh`` one: of the owner who holds the most, the least recently used."""
        others: dict[str, str] = {}
        for key, kept in self._kept.items():
            if key != fresh:
                others.setdefault(kept.owner, key)
        return others[max(others, key=lambda owner: self._held[owner])]

    def __len__(self) -> int:
        return len(self._kept)
