"""How often somebody may ask: buckets that fill at a steady rate, one for each user or address, in memory."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock
from time import monotonic

MOST_NAMES = 10_000


class TooMany(Exception):
    """Too many passwords were tried; the argument says for how many seconds none is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Buckets:
    """``size`` at once, ``per_second`` after that, for each name. A size of 0 sets no limit."""

    def __init__(self, size: float, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self.size = size
        self.per_second = per_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str, amount: float = 1.0) -> int:
        """0 where the amount was there and is now taken; else the whole seconds until it will be."""
        if not self.size:
            return 0
        with self._lock:
            left = self._now(name)
            # What is larger than a whole bucket is given from a full one, and leaves a debt.
            if left < min(amount, self.size):
                return max(1, ceil((min(amount, self.size) - left) / self.per_second))
            self._put(name, left - amount)
            return 0

    def charge(self, name: str, amount: float) -> None:
        """Take without asking: what has been used already. Negative amounts are given back."""
        if self.size:
            with self._lock:
                self._put(name, min(self.size, self._now(name) - amount))

    def _now(self, name: str) -> float:
        left, since = self._left.get(name, (self.size, self._clock()))
        return min(self.size, left + (self._clock() - since) * self.per_second)

    def _put(self, name: str, left: float) -> None:
        self._left[name] = (left, self._clock())
        self._left.move_to_end(name)
        while len(self._left) > MOST_NAMES:
            self._left.popitem(last=False)


class Limits:
    """Questions a minute, bytes sent an hour, and passwords tried."""

    def __init__(self, questions_a_minute: int, megabytes_an_hour: int, clock: Callable[[], float] = monotonic) -> None:
        self.questions = Buckets(questions_a_minute / 2, questions_a_minute / 60, clock)
        self.bytes = Buckets(megabytes_an_hour * 2**20, megabytes_an_hour * 2**20 / 3600, clock)
        self.passwords = Buckets(10, 10 / 60, clock)
