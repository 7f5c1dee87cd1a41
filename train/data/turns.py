"""One process at a time: the first to come prepares what is missing, the others wait and find it there."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the lock file ``place`` (its folder is made). A process that is killed lets go of it.

    No message between processes: preparing a hospital's films takes longer than those are waited for. Several machines
    need a file system between them that knows locks, as NFS 4 and Lustre do.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
