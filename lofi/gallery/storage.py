"""The files of a gallery folder: hashed before they are parsed, written whole or not at all."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lofi.errors import GalleryMismatch
from lofi.gallery.vector_index import Vectors

VECTORS = "vectors.safetensors"
RECORDS = "records.parquet"
INDEX = "index.hnsw"
REGIONS, REGIONS_MANIFEST = "regions.safetensors", "regions.json"


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


def read_checked(path: Path, sha256: str, what: str) -> bytes:
    """The bytes of a file that must have this hash. Raises GalleryMismatch; ``what`` names them in it."""
    try:
        data = path.read_bytes()
    except OSError:
        raise GalleryMismatch(f"The gallery's {what} are missing: build the gallery again.") from None
    if sha256_of(data) != sha256:
        raise GalleryMismatch(
            f"The gallery's {what} are damaged (other bytes than gallery.json vouches for): build the gallery again."
        )
    return data


def vectors_to_bytes(vectors: Vectors, half: bool) -> bytes:
    """(N, E) vectors as safetensors, in float16 where ``half``."""
    stored = vectors.astype(np.float16) if half else vectors
    return bytes(safetensors.numpy.save({"vectors": np.ascontiguousarray(stored)}))


def vectors_from_bytes(data: bytes, count: int, dim: int) -> Vectors:
    """(N, E) read-only float32 unit vectors. Raises GalleryMismatch on any other shape, type or length."""
    damaged = GalleryMismatch("The gallery's vectors are not what gallery.json says: build the gallery again.")
    try:
        stored = safetensors.numpy.load(data)["vectors"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise damaged from error
    if stored.shape != (count, dim) or stored.dtype not in (np.float16, np.float32):
        raise damaged
    vectors = stored.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Comparing this way round refuses NaN as well.
    if not (np.abs(lengths - 1) < 0.01).all():
        raise damaged
    vectors /= lengths
    vectors.setflags(write=False)
    return vectors


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder inside ``folder`` to write files in before they are moved; removed at the end."""
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as name:
        yield Path(name)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put the files in the folder: all are written before the first old one is replaced, in the order given."""
    with staged(folder) as stage:
        for name, data in files.items():
            (stage / name).write_bytes(data)
        for name in files:
            os.replace(stage / name, folder / name)
