"""Memory that the server and one worker share: a file's bytes go in, pixels come out, nothing through a pipe.

New shared memory costs 40 ms for a film of four megapixels, because each page is made when it is first touched. So
usual films go through a bay that is made once a worker and copied out of; only large ones get memory of their own,
which is not copied.
"""

import contextlib
import fcntl
import mmap
import os
import tempfile

import numpy as np
from numpy.typing import NDArray

IN_BYTES = 12 * 2**20
"""Longest file that goes through the bay: five megapixels of 16 bits, uncompressed."""
OUT_PIXELS = 6_000_000
"""Largest film that comes out of the bay."""
_ADD_SEALS, _SEAL_SIZE, _SEAL_WRITE = 1033, 2 | 4, 8


class Bay:
    """Both ends have one on the same open file: bytes at its start, behind them float32 pixels."""

    def __init__(self, descriptor: int | None = None) -> None:
        """A new one, or the other end of one."""
        self.descriptor = _sized(IN_BYTES + 4 * OUT_PIXELS) if descriptor is None else descriptor
        self._mapped = mmap.mmap(self.descriptor, IN_BYTES + 4 * OUT_PIXELS)

    def put(self, data: bytes) -> None:
        """Lay a file's bytes in."""
        self._mapped[: len(data)] = data

    def take(self, length: int) -> bytes:
        """The bytes of a file."""
        return self._mapped[:length]

    def put_pixels(self, pixels: NDArray[np.float32]) -> None:
        """Lay (H, W) pixels in."""
        np.copyto(self._pixels(pixels.size).reshape(pixels.shape), pixels)

    def take_pixels(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """A copy of (H, W) pixels, read-only: the other end may write here again."""
        pixels = self._pixels(shape[0] * shape[1]).reshape(shape).copy()
        pixels.flags.writeable = False
        return pixels

    def _pixels(self, count: int) -> NDArray[np.float32]:
        return np.frombuffer(self._mapped, dtype=np.float32, count=count, offset=IN_BYTES)

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
    """An anonymous file for float32 pixels, whose size nobody can change where the system lets one say so."""
    return _sized(4 * pixels)


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


def put_pixels(descriptor: int, pixels: NDArray[np.float32]) -> None:
    """Write (H, W) pixels to the start of an open file, through a mapping: no size limit applies to it."""
    with mmap.mmap(descriptor, os.fstat(descriptor).st_size) as mapped:
        place: NDArray[np.float32] = np.frombuffer(mapped, dtype=np.float32, count=pixels.size)
        np.copyto(place.reshape(pixels.shape), pixels)
        del place  # a mapping cannot be closed while an array looks at it


def take_pixels(descriptor: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The (H, W) pixels in an open file, read-only; the memory is shared, not copied, once nobody can write to it.

    The file was made here and must be long enough. A worker that still holds a writable mapping would change the film
    under its reader: then the kernel refuses the seal, and a copy is made.
    """
    count = shape[0] * shape[1]
    try:
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_WRITE)
        sealed = True
    except OSError:
        sealed = False
    mapped = mmap.mmap(descriptor, 4 * count, prot=mmap.PROT_READ)
    pixels: NDArray[np.float32] = np.frombuffer(mapped, dtype=np.float32, count=count)
    if not sealed:
        pixels = pixels.copy()
        pixels.flags.writeable = False
    return pixels.reshape(shape)
