"""Files to be read, in the order in which workers take them."""

import subprocess
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from queue import PriorityQueue
from threading import Lock

from lofi.film.origin import Origin
from lofi.film.radiograph import Radiograph


@dataclass(frozen=True)
class Reading:
    """A film and, of a DICOM file that can be referenced, its source."""

    film: Radiograph
    origin: Origin | None


class Job:
    """A file to be read. ``admit`` is told its claim in pixels: True where it may be decoded now."""

    def __init__(self, data: bytes, admit: Callable[[int], bool]) -> None:
        """Nothing happens until a keeper takes it."""
        self.data, self.admit = data, admit
        self.future: Future[Reading] = Future()
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def begun(self, worker: "subprocess.Popen[bytes]") -> bool:
        """A worker is at it from now on; False where nobody waits for the answer any more."""
        with self._lock:
            self._worker = worker
            return not self.future.done()

    def ended(self, worker: "subprocess.Popen[bytes]") -> None:
        """A worker is done with it. It may have been handed to another in the meantime."""
        with self._lock:
            if self._worker is worker:
                self._worker = None

    def cancel(self) -> None:
        """Nobody waits any more: a worker that is at it is ended, because a decoder cannot be interrupted."""
        with self._lock:
            if self.future.cancel() and self._worker is not None:
                self._worker.kill()

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless nobody waits any more."""
        self.data = b""
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def answer(self, reading: Reading) -> None:
        """Answer with the film, unless nobody waits any more."""
        self.data = b""
        with suppress(InvalidStateError):
            self.future.set_result(reading)


class Jobs:
    """The queue that keepers share: films that were admitted first, then others as they came."""

    def __init__(self) -> None:
        """An empty queue."""
        self._queue: PriorityQueue[tuple[int, int, Job | None]] = PriorityQueue()
        self._count = count()

    def put(self, job: Job | None, first: bool = False) -> None:
        """Add a job; None tells one keeper to stop, before anything else."""
        rank = 0 if job is None else 1 if first else 2
        self._queue.put((rank, next(self._count), job))

    def take(self) -> Job | None:
        """The next job; waits for one."""
        return self._queue.get()[2]
