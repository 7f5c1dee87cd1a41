"""A small bounded store of values that are costly to make, safe for several threads."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keeps the ``size`` most recently used values by key.

    Two threads that ask for the same missing key make it once: the second waits for the first. Different keys are
    made at the same time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[str, T] = OrderedDict()
        self._making: dict[str, Lock] = {}
        self._lock = Lock()

    def get(self, key: str) -> T | None:
        """The value, now the most recently used; None when it is not (or no longer) here."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def get_or_make(self, key: str, make: Callable[[], T]) -> T:
        """The value, made by ``make`` where missing; nothing is kept when ``make`` raises."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            value = self.get(key)
            if value is None:
                try:
                    value = make()
                    self.put(key, value)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return value

    def put(self, key: str, value: T) -> None:
        """Keep a value; the least recently used goes when the shelf is full."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)
