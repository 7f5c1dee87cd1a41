"""The folder of this run's uploads: each file under a name that was drawn here, read once, never kept for long.

A caller names an upload by the path that it was told. Whatever else it names, an existing file or none, it hears the
same sentence, and nothing outside the folder is ever opened or removed.
"""

import os
import secrets
import stat
from collections.abc import Callable, Container
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from threading import Lock
from time import monotonic
from typing import BinaryIO

from lofi.errors import UnreadableFilm
from lofi.film.exposure import MAX_BYTES

GONE = "The upload is no longer here: send the film again."
WAIT_SECONDS = 60.0
"""An upload that no call has named for so long is removed."""


@dataclass(frozen=True)
class _Kept:
    """What tells our own file from one that was put in its place, and since when it waits."""

    device: int
    inode: int
    since: float


class Uploads:
    """Files of one folder, which is this process's alone. Safe to share between threads."""

    def __init__(self, folder: Path, clock: Callable[[], float] = monotonic) -> None:
        self.folder = folder.resolve()
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def keep(self, source: BinaryIO) -> str:
        """Copy a file into the folder; returns the path by which ``take`` knows it."""
        name = secrets.token_hex(16)
        folder = self._open_folder()
        try:
            new = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
            )
        finally:
            os.close(folder)
        with os.fdopen(new, "wb") as sink:
            copyfileobj(source, sink, 2**20)
            about = os.fstat(new)
        with self._lock:
            self._kept[name] = _Kept(about.st_dev, about.st_ino, self._clock())
        return str(self.folder / name)

    def knows(self, path: object) -> bool:
        """Whether this is the path of an upload that waits here. The disk is not asked."""
        name = self._name(path)
        with self._lock:
            return name in self._kept

    def take(self, path: object) -> bytes:
        """The bytes of an upload, which is gone then. Raises UnreadableFilm for every other path."""
        name = self._name(path)
        with self._lock:
            kept = self._kept.pop(name, None)
        if kept is None:
            raise UnreadableFilm(GONE)
        try:
            with closing(_Folder(self._open_folder())) as folder:
                return folder.read_and_remove(name, kept)
        except OSError:
            raise UnreadableFilm(GONE) from None

    def sweep(self, named: Container[str] = ()) -> int:
        """Remove uploads that waited too long, but for those whose path waits in a queue; returns how many went."""
        due = self._clock() - WAIT_SECONDS
        with self._lock:
            late = {
                name: kept
                for name, kept in self._kept.items()
                if kept.since <= due and str(self.folder / name) not in named
            }
            for name in late:
                del self._kept[name]
        if late:
            with suppress(OSError), closing(_Folder(self._open_folder())) as folder:
                for name, kept in late.items():
                    folder.remove(name, kept)
        return len(late)

    def _name(self, path: object) -> str:
        """The last part of a path that is written exactly as ``keep`` returned it, else ""."""
        folder, _, name = path.rpartition("/") if isinstance(path, str) else ("", "", "")
        return name if folder == str(self.folder) else ""

    def _open_folder(self) -> int:
        return os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


class _Folder:
    """An open folder: names in it are followed nowhere."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        os.close(self._descriptor)

    def read_and_remove(self, name: str, kept: _Kept) -> bytes:
        """Open without following a link and without waiting (a pipe would wait for ever), and only then look."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=self._descriptor), "rb") as file:
            about = os.fstat(file.fileno())
            if not _is_ours(about, kept):
                raise UnreadableFilm(GONE)
            if about.st_size > MAX_BYTES:
                self.remove(name, kept)
                raise UnreadableFilm(f"The file is too large: at most {MAX_BYTES // 2**20} MB are read.")
            data = file.read(MAX_BYTES + 1)
        self.remove(name, kept)
        return data

    def remove(self, name: str, kept: _Kept) -> None:
        """Remove our own file; whatever else has its name stays."""
        with suppress(FileNotFoundError):
            if _is_ours(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False), kept):
                os.unlink(name, dir_fd=self._descriptor)


def _is_ours(about: os.stat_result, kept: _Kept) -> bool:
    return stat.S_ISREG(about.st_mode) and (about.st_dev, about.st_ino) == (kept.device, kept.inode)
