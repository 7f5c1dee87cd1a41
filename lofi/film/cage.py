"""Films of strangers, read in processes that may die: what the app reads uploads with.

    cage = Cage()
    with cage.open(data) as reading:      # waits its turn; its pixels count as held until the block ends
        show(reading.film)
    cage.close()

A decoder that crashes, hangs or takes too much memory costs its own film one sentence (UnreadableFilm). Scripts that
read files they trust use ``Radiograph.read``. Answers are the same, but for the files that end a process.
"""

import asyncio
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType

from lofi.errors import Busy, LofiError
from lofi.film import allocator
from lofi.film.admission import Admission, Place
from lofi.film.exposure import MAX_BYTES
from lofi.film.jobs import Job, Jobs, Reading
from lofi.film.keeper import WORKER, Keeper
from lofi.film.radiograph import Radiograph, load, too_large

IN_FLIGHT = 100_000_000
"""Pixels of uploads being read or answered at once (600 MB): one of the largest films, or ten large ones."""
MOST_WAITING, MOST_WAITING_BYTES = 500, 2**30
"""Uploads that may wait, and their bytes."""
LARGE = 32_000_000
"""Pixels of films that were let go after which the server's own allocator gives memory back: one of them, or many.

Small films count too, since their arrays leave holes in the heap. More often would cost more than it gives: the film
after that pays for its pages again, and every half minute memory is given back in any case (lofi.ui.server).
"""
BUSY = "Too many films are waiting to be read: send this one again in a minute."
STOPPING = "The app is stopping: send the film again when it is back."


class Ticket:
    """A film on its way. Its pixels count as held until ``close``, which also ends a worker that is still at it."""

    def __init__(self, cage: "Cage", data: bytes) -> None:
        """The job is made, not yet queued."""
        self._cage = cage
        self._place: Place | None = None
        self._closed = False
        self._lock = Lock()
        self.size = len(data)
        self.job = Job(data, self._admit)

    def _admit(self, claim: int) -> bool:
        with self._lock:
            if self._closed:
                return False
            if self._place is not None:  # it had to wait, and now is its turn
                return self._place.inside
            self._place = Place(claim, lambda: self._cage.jobs.put(self.job, first=True))
        return self._cage.admission.ask(self._place)

    def result(self) -> Reading:
        """The film; waits for it. Raises LofiError with one sentence."""
        return self.job.future.result()

    async def reading(self) -> Reading:
        """As ``result``, without holding a thread; where the task is cancelled, so is the film."""
        return await asyncio.wrap_future(self.job.future)

    def close(self) -> None:
        """Leave, whether the film has been read or not."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        self.job.cancel()
        self._cage.leave(self)
        if self._place is not None:
            self._cage.admission.leave(self._place)
            if self._cage.let_go(self._place.weight):
                allocator.trim()

    def __enter__(self) -> "Ticket":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Opened:
    """A film that is held while a ``with`` block runs."""

    def __init__(self, ticket: Ticket) -> None:
        """Of a ticket that was queued."""
        self._ticket = ticket

    def __enter__(self) -> Reading:
        try:
            return self._ticket.result()
        except BaseException:
            self._ticket.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ticket.close()


class Cage:
    """A few worker processes and a queue before them. Safe for several threads; starts with its first film."""

    def __init__(self, workers: int | None = None, in_flight: int = IN_FLIGHT, command: Sequence[str] = WORKER) -> None:
        """``workers`` processes, two to four by the machine's cores; ``in_flight`` pixels are held at once."""
        self.jobs = Jobs()
        self.admission = Admission(in_flight)
        count = workers or min(4, max(2, (os.cpu_count() or 1) // 2))
        self._keepers = [Keeper(self.jobs, command) for _ in range(count)]
        self._tickets: set[Ticket] = set()
        self._lock = Lock()
        self._started = False
        self._pixels_gone = 0
        self._end = weakref.finalize(self, _stop, self._keepers)

    def start(self) -> None:
        """Start the workers, so that the first film finds them ready."""
        with self._lock:
            if not self._started and self._end.alive:
                self._started = True
                for keeper in self._keepers:
                    keeper.start()

    def send(self, data: bytes) -> Ticket:
        """Queue a stranger's file. Raises Busy where too many wait."""
        if len(data) > MAX_BYTES:
            raise too_large()
        self.start()
        ticket = Ticket(self, data)
        with self._lock:
            if not self._end.alive:
                raise LofiError(STOPPING)
            waiting = [other.size for other in self._tickets if not other.job.future.done()]
            if len(waiting) >= MOST_WAITING or sum(waiting) + ticket.size > MOST_WAITING_BYTES:
                raise Busy(BUSY)
            self._tickets.add(ticket)
        self.jobs.put(ticket.job)
        return ticket

    def open(self, data: bytes) -> Opened:
        """A stranger's film, held while a ``with`` block runs. Raises LofiError with one sentence."""
        return Opened(self.send(data))

    def read(self, source: bytes | str | os.PathLike[str]) -> Radiograph:
        """A film of the gallery or of a study, whose number is bounded elsewhere: it waits for a worker only.

        It may be asked for while a stranger's film is held; if it had to wait for that one's room, both would wait for
        ever.
        """
        data = source if isinstance(source, bytes) else load(Path(source))
        if len(data) > MAX_BYTES:
            raise too_large()
        self.start()
        if not self._end.alive:
            raise LofiError(STOPPING)
        job = Job(data, lambda claim: True)
        self.jobs.put(job)
        return job.future.result().film

    def leave(self, ticket: Ticket) -> None:
        """Forget a ticket; ``Ticket.close`` calls it."""
        with self._lock:
            self._tickets.discard(ticket)

    def let_go(self, pixels: int) -> bool:
        """Count pixels of a film that nobody holds any more; whether it is time to give memory back."""
        with self._lock:
            self._pixels_gone += pixels
            due = self._pixels_gone >= LARGE
            if due:
                self._pixels_gone = 0
        return due

    @property
    def processes(self) -> tuple[int, ...]:
        """Numbers of the workers' processes."""
        return tuple(process for keeper in self._keepers if (process := keeper.process) is not None)

    @property
    def held(self) -> tuple[dict[str, str], ...]:
        """What each worker that is ready has given up: network, files, user (lofi.film.confine)."""
        return tuple(held for keeper in self._keepers if (held := keeper.held))

    def close(self) -> None:
        """End every worker; films that wait are told so. Nothing is left running."""
        with self._lock:
            waiting = tuple(self._tickets)
        for ticket in waiting:
            ticket.job.fail(LofiError(STOPPING))
        self._end()

    def __enter__(self) -> "Cage":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _stop(keepers: Sequence[Keeper]) -> None:
    for keeper in keepers:
        keeper.stop()
    for keeper in keepers:
        if keeper.ident is not None:
            keeper.join(10)
