"""Who sent the request that is being answered: set by the guard, read wherever something is kept or noted."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """``user`` is the name that was logged in with, "" where no login is asked for; ``request`` is the request's id."""

    user: str = ""
    address: str = ""
    request: str = ""

    @property
    def name(self) -> str:
        """Whom limits count: the user, else the address."""
        return self.user or self.address


_current: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 (frozen)


def caller() -> Caller:
    """Of the request at hand; nobody outside one. Threads that answer it know it too."""
    return _current.get()


@contextmanager
def answering_to(one: Caller) -> Iterator[None]:
    """While a request is answered."""
    before = _current.set(one)
    try:
        yield
    finally:
        _current.reset(before)
