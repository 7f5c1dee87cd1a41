"""The files of a gallery folder. Each is named by the hash of its bytes and never changes.

gallery.json, replaced in one step, says which of them are the gallery: a run that ends at any moment leaves the old
state or the new one.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.numpy

from lofi.errors import GalleryMismatch
from lofi.files import plain
from lofi.gallery import tensors
from lofi.gallery.vector_index import Vectors

STAGE = ".writing-"


def sha256_of(data: bytes) -> str:
    """The hex digest."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """The hex digest of a file, read in pieces; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def write_vectors(vectors: Vectors, half: bool, path: Path) -> None:
    """(N, E) vectors as safetensors, in float16 where ``half``."""
    stored = vectors.astype(np.float16) if half else vectors
    safetensors.numpy.save_file({"vectors": np.ascontiguousarray(stored)}, path)


def map_vectors(path: Path, count: int, dim: int, known: bool = False) -> Vectors:
    """(N, E) read-only float32 unit vectors, mapped where the file has 32 bits.

    Raises GalleryMismatch on any other shape, type or length; lengths are not looked at where they are ``known``.
    """
    damaged = GalleryMismatch("The gallery's vectors are not what gallery.json says: build the gallery again.")
    try:
        stored = tensors.mapped(path)["vectors"]
    except (OSError, ValueError, KeyError) as error:
        raise damaged from error
    if stored.shape != (count, dim) or stored.dtype not in (np.float16, np.float32):
        raise damaged
    if stored.dtype == np.float32:
        if not known and not all(_are_unit(stored[start : start + 65_536], 1e-3) for start in range(0, count, 65_536)):
            raise damaged
        return stored
    vectors = stored.astype(np.float32)
    if not _are_unit(vectors, 0.01):  # 16 bits are that coarse
        raise damaged
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors.setflags(write=False)
    return vectors


def _are_unit(vectors: Vectors, slack: float) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    # Comparing this way round refuses NaN as well.
    return bool((np.abs(lengths - 1) < slack).all())


def is_half(path: Path) -> bool:
    """Whether a file of vectors has 16 bits."""
    try:
        return tensors.mapped(path)["vectors"].dtype == np.float16
    except (OSError, plain.Unfit, KeyError):
        return False


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` to write files in before they are moved; removed at the end."""
    with tempfile.TemporaryDirectory(prefix=STAGE, dir=folder) as name:
        yield Path(name)


def put(stage: Path, path: Path, sha256: str) -> Path:
    """Move a file from a stage to ``path``, ``{}`` in whose name stands for its hash; returns where it lies."""
    target = path.with_name(path.name.format(sha256[:16]))
    # The same bytes may lie there already, mapped by a reader: they stay, unless they were damaged since.
    if not target.is_file() or file_sha256(target) != sha256:
        sync(stage)
        os.replace(stage, target)
    return target


def put_text(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, "utf-8")
        sync(stage / path.name)
        os.replace(stage / path.name, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that gallery.json never gets there before what it names."""
    try:
        place = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(place)
    except OSError:  # a file system without it
        pass
    finally:
        os.close(place)
