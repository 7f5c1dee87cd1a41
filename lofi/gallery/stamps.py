"""Which files of a gallery were found to have the hash that vouches for them, so that gigabytes are hashed once.

A stamp is a file's size, inode and times of change. Writing to a file, or copying it, changes them and it is hashed
again; nobody can set the time of the inode's change back. Small files are hashed at every start: it takes no time.
"""

import json
import os
from pathlib import Path

from lofi.errors import GalleryMismatch
from lofi.files import plain
from lofi.gallery.storage import file_sha256, put_text

FILE = "verified.json"
SMALL = 32 * 2**20
"""Bytes that are hashed in about 20 ms."""
SIZE_LIMIT = 100_000


def check(path: Path, sha256: str, what: str, anew: bool = False) -> bool:
    """Raises GalleryMismatch unless the file has this hash, or had it when it last changed and not ``anew``.

    ``what`` names it in the message. True where it was checked before and not again.
    """
    try:
        stamp = _stamp(path)
    except OSError:
        raise GalleryMismatch(f"The gallery's {what} are missing: build the gallery again.") from None
    small = stamp[0] <= SMALL
    known = {} if small else _read(path.parent)
    if not anew and known.get(path.name) == [sha256, *stamp]:
        return True
    if file_sha256(path) != sha256:
        raise GalleryMismatch(
            f"The gallery's {what} are damaged (other bytes than gallery.json vouches for): build the gallery again."
        )
    note(path, sha256)
    return False


def note(path: Path, sha256: str) -> None:
    """Remember that the file has this hash; where the folder cannot be written, it is hashed again next time."""
    if path.stat().st_size <= SMALL:
        return
    try:
        known = _read(path.parent) | {path.name: [sha256, *_stamp(path)]}
        there = {name: stamp for name, stamp in known.items() if (path.parent / name).is_file()}
        put_text(path.parent / FILE, json.dumps(there, indent=1) + "\n")
    except OSError:
        pass


def _stamp(path: Path) -> list[int]:
    about = os.stat(path)
    return [about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns]


def _read(folder: Path) -> dict[str, object]:
    try:
        return plain.read_object(folder / FILE, SIZE_LIMIT)
    except (OSError, plain.Unfit):
        return {}
