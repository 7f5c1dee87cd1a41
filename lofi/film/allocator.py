"""glibc's allocator, told what a server of films needs of it. Elsewhere nothing happens."""

import contextlib
import ctypes
import sys

LARGEST = 2**25
"""Bytes up to which a buffer comes from the heap: the most that glibc allows."""
KEPT = 2**27
"""Free bytes at the heap's end that are kept: what one film's feature maps take, and a film."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_warm() -> None:
    """Use one heap, and keep its free pages until ``trim``.

    glibc gives large buffers back at once otherwise: a film then pays 12,000 page faults to be encoded, a quarter of
    its time. With a heap for each thread the holes of all of them add up. Call it before threads are started.
    """
    for setting, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, LARGEST), (_TRIM_THRESHOLD, KEPT)):
        _called("mallopt", setting, value)


def trim() -> None:
    """Give the memory that the allocator keeps for later back to the system."""
    _called("malloc_trim", 0)


def _called(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            getattr(ctypes.CDLL(None), name)(*arguments)
