"""Who may write and what may be removed: one writer at a time, and nothing that somebody still reads.

Both by flock, which the kernel lets go when a process ends, however it ends. Where a file system has none, writing goes
on without turns and nothing is removed.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lofi.errors import GalleryMismatch
from lofi.gallery.pictures import FILMS, THUMBNAILS
from lofi.gallery.storage import STAGE

LOCK = ".lock"
_DATA = re.compile(r"(vectors|records|index|regions)-[0-9a-f]{16}\.(safetensors|arrow|hnsw|json)")
_FORMAT_1 = ("vectors.safetensors", "records.parquet", "index.hnsw", "regions.safetensors", "regions.json")
_PICTURE = re.compile(r"\.?[0-9a-f]{16}(-[0-9a-f]{8})?\.(webp|png|jpg)")
_written: set[Path] = set()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Write a gallery, alone. Raises GalleryMismatch where another process does; within a turn, it is that turn."""
    place = folder.resolve()
    if place in _written:
        yield
        return
    handle = os.open(place / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(handle, fcntl.LOCK_EX)
        _written.add(place)
        yield
    finally:
        _written.discard(place)
        os.close(handle)


def _take(handle: int, how: int) -> None:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise GalleryMismatch("Another run is writing this gallery: wait until it is done.") from None
    except OSError:
        pass


class Reading:
    """Says that a gallery's records are being read, as long as it lives."""

    def __init__(self, records: Path) -> None:
        self._handle = os.open(records, os.O_RDONLY)
        self.removed = False
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # they are being removed
            self.removed = True
        except OSError:  # a file system without locks
            pass
        self.removed |= os.fstat(self._handle).st_nlink == 0

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._handle)


def sweep(folder: Path, names: Collection[str], pictures: Collection[str] | None) -> None:
    """Remove what is no longer of the gallery: all but the files ``names`` and the ``pictures`` (films/…, thumbs/…).

    Pictures are left alone where it is not known which are the gallery's (None).

    Nothing while somebody reads an older state: a film of it may be asked for. Only files named as ours are touched.
    """
    old = [path for path in folder.iterdir() if _DATA.fullmatch(path.name) and path.name not in names]
    with ExitStack() as held:
        for path in old:
            if path.name.startswith("records-") and not _take_out(path, held):
                return
        old += [folder / name for name in _FORMAT_1 if name not in names]
        if pictures is not None:
            old += [path for path in _pictures(folder) if f"{path.parent.name}/{path.name}" not in pictures]
        for path in old:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    for path in folder.glob(f"{STAGE}*"):  # of a run that was killed; nobody else writes now
        shutil.rmtree(path, ignore_errors=True)


def _take_out(path: Path, held: ExitStack) -> bool:
    """Whether nobody reads the file; nobody can begin to until ``held`` is closed."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _pictures(folder: Path) -> Iterator[Path]:
    for place in (folder / FILMS, folder / THUMBNAILS):
        if place.is_dir() and not place.is_symlink():
            yield from (path for path in place.iterdir() if _PICTURE.fullmatch(path.name))
