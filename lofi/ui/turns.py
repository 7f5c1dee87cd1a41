"""Who asks the model next: short questions before long ones, readers in turn, each reader's questions in their order.

A phrase about a film that is encoded takes a fifth of the time of one that has to be encoded first: while both kinds
wait, short questions go before long ones, but after ``SHORT_AHEAD`` of them comes a long one, so that nobody starves.
Among questions of one kind each reader gets one turn in a round.

Lives in the event loop: a question that waits holds no thread, and its place in the queue can be told meanwhile.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

FIRST_GUESS = 0.3
"""Seconds of a question, before any was answered."""
WEIGHT = 0.1
"""Of the newest answer in the running mean of what one takes."""
SHORT_AHEAD = 3
"""Short questions that may go before a long one that waits: as many as a film is usually asked."""


@dataclass(eq=False)
class Ticket:
    """One question of a reader (``desk``): waiting, then at the model since ``begun``, until it is given back."""

    desk: str
    long: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)
    begun: float = 0.0
    ended: bool = False

    async def within(self, seconds: float) -> bool:
        """Whether the turn comes within so many seconds."""
        try:
            await asyncio.wait_for(self.came.wait(), seconds)
        except TimeoutError:
            return False
        return True


class _Line:
    """Questions of one kind. After one reader's comes the next reader's."""

    def __init__(self, desks: "OrderedDict[str, deque[Ticket]] | None" = None) -> None:
        self._desks: OrderedDict[str, deque[Ticket]] = OrderedDict() if desks is None else desks

    def __bool__(self) -> bool:
        return bool(self._desks)

    def copy(self) -> "_Line":
        return _Line(OrderedDict((desk, deque(queue)) for desk, queue in self._desks.items()))

    def add(self, ticket: Ticket) -> None:
        self._desks.setdefault(ticket.desk, deque()).append(ticket)

    def remove(self, ticket: Ticket) -> None:
        queue = self._desks[ticket.desk]
        queue.remove(ticket)
        if not queue:
            del self._desks[ticket.desk]

    def pop(self) -> Ticket:
        desk, queue = self._desks.popitem(last=False)
        ticket = queue.popleft()
        if queue:
            self._desks[desk] = queue  # at the end: everybody else comes first
        return ticket


@dataclass
class _Waiting:
    """All that wait, in the order in which they are let in."""

    short: _Line = field(default_factory=_Line)
    long: _Line = field(default_factory=_Line)
    ahead: int = 0
    """Short questions let in since a long one waits at the front."""

    def line(self, ticket: Ticket) -> _Line:
        return self.long if ticket.long else self.short

    def pop(self) -> Ticket:
        if self.long and (self.ahead >= SHORT_AHEAD or not self.short):
            self.ahead = 0
            return self.long.pop()
        self.ahead = self.ahead + 1 if self.long else 0
        return self.short.pop()

    def __bool__(self) -> bool:
        return bool(self.short or self.long)

    def in_order(self) -> Iterator[Ticket]:
        """Each, as they would be let in if nobody else came."""
        left = _Waiting(self.short.copy(), self.long.copy(), self.ahead)
        while left:
            yield left.pop()


class Turns:
    """Lets ``at_once`` questions to the model."""

    def __init__(self, at_once: int) -> None:
        self._free, self._at_once = at_once, at_once
        self._waiting = _Waiting()
        self._seconds = FIRST_GUESS

    def ask(self, desk: str, long: bool = False) -> Ticket:
        """Get in line. Whoever gets a ticket must give it back, whether its turn came or not."""
        ticket = Ticket(desk, long)
        self._waiting.line(ticket).add(ticket)
        self._let_in()
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """The question is answered, or nobody waits for it any more."""
        if ticket.ended:
            return
        ticket.ended = True
        if ticket.came.is_set():
            self._seconds += WEIGHT * (time.monotonic() - ticket.begun - self._seconds)
            self._free += 1
        else:
            self._waiting.line(ticket).remove(ticket)
        self._let_in()

    def place(self, ticket: Ticket) -> int:
        """How many turns it takes until this one's, from 1; 0 once it has come. Later short questions may add some."""
        if ticket.came.is_set():
            return 0
        return 1 + next(place for place, other in enumerate(self._waiting.in_order()) if other is ticket)

    def seconds(self, ticket: Ticket) -> float:
        """About how long it takes until the turn comes, by what the last answers took."""
        return self.place(ticket) * self._seconds / self._at_once

    def _let_in(self) -> None:
        while self._free and self._waiting:
            ticket = self._waiting.pop()
            self._free -= 1
            ticket.begun = time.monotonic()
            ticket.came.set()
