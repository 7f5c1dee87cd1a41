"""How many pixels of strangers are held at once: each film waits in turn until those before it have left."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock


@dataclass(eq=False)
class Place:
    """A place in the queue, then inside. ``enter`` is called once, by whoever makes room for one that had to wait."""

    weight: int
    enter: Callable[[], None]
    inside: bool = False


class Admission:
    """Lets films in while their weights sum up to ``limit`` at most, strictly in the order in which they came.

    A film heavier than the limit counts as the limit: it goes in alone. None overtakes, so that a large film is never
    kept out by small ones.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._waiting: deque[Place] = deque()
        self._lock = Lock()

    @property
    def held(self) -> int:
        """The weight inside."""
        return self._held

    @property
    def waiting(self) -> int:
        """Films in the queue."""
        return len(self._waiting)

    def ask(self, place: Place) -> bool:
        """Whether there is room at once; else the place waits for its turn."""
        place.weight = min(place.weight, self._limit)
        with self._lock:
            if not self._waiting and self._held + place.weight <= self._limit:
                self._admit(place)
                return True
            self._waiting.append(place)
            return False

    def leave(self, place: Place) -> None:
        """Go, from inside or from the queue; those behind move up. Twice does no harm."""
        entering: list[Place] = []
        with self._lock:
            if place.inside:
                place.inside = False
                self._held -= place.weight
            elif place in self._waiting:
                self._waiting.remove(place)
            while self._waiting and self._held + self._waiting[0].weight <= self._limit:
                entering.append(self._waiting.popleft())
                self._admit(entering[-1])
        for other in entering:
            other.enter()

    def _admit(self, place: Place) -> None:
        place.inside = True
        self._held += place.weight
