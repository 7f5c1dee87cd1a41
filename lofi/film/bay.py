"""Memory that the server and one worker share: a file's bytes go in, pixels come out, nothing through a pipe.

New shared memory costs 40 ms for a film of four megapixels, because each page is made when it is first touched. So
usual films go through a bay that is made once a worker and copied out of; only large ones get memory of their own,
which is not copied.
"""

import contextlib
import fcntl
import math
import mmap
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lofi.film.greys import MOST_CURVES

IN_BYTES = 12 * 2**20
"""Longest file that goes through the bay: five megapixels of 16 bits, uncompressed."""
OUT_PIXELS = 6_000_000
"""Largest film that comes out of the bay."""
_ADD_SEALS, _SEAL_SIZE, _SEAL_WRITE = 1033, 2 | 4, 8


CURVE_BYTES = 2 * MOST_CURVES * 2**16
"""Behind a film's pixels and stored values, for its looks (lofi.film.greys)."""
_PIXEL_BYTES = 4 + 2
"""Of each pixel: as it is shown, and the stored value."""

Shape = tuple[str, tuple[int, ...]]
"""Of an array that lies in shared memory: its type by numpy's letters, and its size."""


class Bay:
    """Both ends have one on the same open file: bytes at its start, behind them a film's arrays in a row."""

    def __init__(self, descriptor: int | None = None) -> None:
        """A new one, or the other end of one."""
        size = IN_BYTES + _size(OUT_PIXELS)
        self.descriptor = _sized(size) if descriptor is None else descriptor
        self._mapped = mmap.mmap(self.descriptor, size)

    def put(self, data: bytes) -> None:
        """Lay a file's bytes in."""
        self._mapped[: len(data)] = data

    def take(self, length: int) -> bytes:
        """The bytes of a file."""
        return self._mapped[:length]

    def put_film(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Lay a film's arrays in."""
        _lay(self._mapped, IN_BYTES, arrays)

    def take_film(self, shapes: Sequence[Shape]) -> list[NDArray[Any]]:
        """Copies of a film's arrays, read-only: the other end may write here again."""
        return [_still(array.copy()) for array in _laid(self._mapped, IN_BYTES, shapes)]

    def close(self) -> None:
        """Let go of the memory."""
        with contextlib.suppress(BufferError):
            self._mapped.close()
        os.close(self.descriptor)


def anonymous(size: int) -> int:
    """An open file of this many bytes that has no name: memory on Linux, else a temporary file."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("film", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def room_for(pixels: int) -> int:
    """An anonymous file for a film's arrays, whose size nobody can change where the system lets one say so."""
    return _sized(_size(pixels))


def _size(pixels: int) -> int:
    return _PIXEL_BYTES * pixels + CURVE_BYTES


def _sized(size: int) -> int:
    descriptor = anonymous(size)
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_SIZE)
    return descriptor


def filled(data: bytes) -> int:
    """An anonymous file with this content, to be read from its start."""
    descriptor = anonymous(0)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def content(descriptor: int) -> bytes:
    """All bytes of an open file, which is closed."""
    with open(descriptor, "rb") as file:
        return file.read()


def put_film(descriptor: int, arrays: Sequence[NDArray[Any]]) -> None:
    """Write a film's arrays to the start of an open file, through a mapping: no size limit applies to it."""
    with mmap.mmap(descriptor, os.fstat(descriptor).st_size) as mapped:
        _lay(mapped, 0, arrays)


def take_film(descriptor: int, shapes: Sequence[Shape]) -> list[NDArray[Any]]:
    """A film's arrays in an open file, read-only; the memory is shared, not copied, once nobody can write to it.

    The file was made here and must be long enough. A worker that still holds a writable mapping would change the film
    under its reader: then the kernel refuses the seal, and a copy is made.
    """
    try:
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_WRITE)
        sealed = True
    except OSError:
        sealed = False
    mapped = mmap.mmap(descriptor, os.fstat(descriptor).st_size, prot=mmap.PROT_READ)
    arrays = _laid(mapped, 0, shapes)
    return arrays if sealed else [_still(array.copy()) for array in arrays]


def _lay(mapped: mmap.mmap, offset: int, arrays: Sequence[NDArray[Any]]) -> None:
    for place, array in zip(_laid(mapped, offset, [(a.dtype.str[1:], a.shape) for a in arrays]), arrays, strict=True):
        np.copyto(place, array)


def _laid(mapped: mmap.mmap, offset: int, shapes: Sequence[Shape]) -> list[NDArray[Any]]:
    """Arrays on shared memory. Nobody may hold one when the mapping is closed."""
    found: list[NDArray[Any]] = []
    for kind, shape in shapes:
        array: NDArray[Any] = np.frombuffer(mapped, np.dtype(kind), math.prod(shape), offset).reshape(shape)
        found.append(array)
        offset += array.nbytes
    return found


def _still(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
