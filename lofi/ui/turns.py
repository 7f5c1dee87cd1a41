"""Who asks the model next: readers in turn, each reader's questions in their order.

Lives in the event loop: a question that waits holds no thread, and its place in the queue can be told meanwhile.
"""

import asyncio
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

FIRST_GUESS = 0.3
"""Seconds of a question, before any was answered."""
WEIGHT = 0.1
"""Of the newest answer in the running mean of what one takes."""


@dataclass(eq=False)
class Ticket:
    """One question of a reader (``desk``): waiting, then at the model since ``begun``, until it is given back."""

    desk: str
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


class Turns:
    """Lets ``at_once`` questions to the model. After one reader's question comes the next reader's."""

    def __init__(self, at_once: int) -> None:
        self._free, self._at_once = at_once, at_once
        self._waiting: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self._seconds = FIRST_GUESS

    def ask(self, desk: str) -> Ticket:
        """Get in line. Whoever gets a ticket must give it back, whether its turn came or not."""
        ticket = Ticket(desk)
        self._waiting.setdefault(desk, deque()).append(ticket)
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
            queue = self._waiting[ticket.desk]
            queue.remove(ticket)
            if not queue:
                del self._waiting[ticket.desk]
        self._let_in()

    def place(self, ticket: Ticket) -> int:
        """How many turns it takes until this one's, from 1; 0 once it has come."""
        if ticket.came.is_set():
            return 0
        before = self._waiting[ticket.desk].index(ticket)
        desks = list(self._waiting)
        own = desks.index(ticket.desk)
        # In each round every reader has one question; those further ahead have theirs in this round too.
        others = (min(len(self._waiting[desk]), before + (at < own)) for at, desk in enumerate(desks) if at != own)
        return 1 + before + sum(others)

    def seconds(self, ticket: Ticket) -> float:
        """About how long it takes until the turn comes, by what the last answers took."""
        return self.place(ticket) * self._seconds / self._at_once

    def _let_in(self) -> None:
        while self._free and self._waiting:
            desk, queue = next(iter(self._waiting.items()))
            ticket = queue.popleft()
            del self._waiting[desk]
            if queue:
                self._waiting[desk] = queue  # at the end: everybody else comes first
            self._free -= 1
            ticket.begun = time.monotonic()
            ticket.came.set()
