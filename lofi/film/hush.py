"""Decoders written in C print to the process's stderr, a line for each film that succeeds: nobody should read it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

_ONE = Lock()
"""Two at once would keep each other's nowhere for the real one."""


@contextmanager
def hushed() -> Iterator[None]:
    """Let nothing that is written to file descriptor 2 through, in the whole process, while the block runs."""
    with _ONE:
        yield from _hushed()


def _hushed() -> Iterator[None]:
    kept: int | None = None
    # Where there is no stderr, or nothing may be opened (a worker's is closed already), all stays as it is.
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            kept = os.dup(2)
            os.dup2(nowhere, 2)
        finally:
            os.close(nowhere)
    try:
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 2)
            os.close(kept)
