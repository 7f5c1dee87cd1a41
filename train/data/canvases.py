"""A cache of decoded films: uint8 canvases in one memory-mapped array, written once, read by every epoch."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.config import Preprocessing, to_dict
from lofi.network.frame import Frame
from lofi.network.preprocess import canvas
from train.data.records import FilmRecord
from train.data.turns import alone

Size = Sequence[int] | str | None
"""Height and width of a film that was written, or why it was not."""
UNREADABLE, NOT_GIVEN = None, "not given"
"""What is no film, and what the disk, or the server that it stands for, did not give."""


class Rows:
    """Some rows of an array, which is not copied: ``Rows(a, [2, 5])[1]`` is ``a[5]``."""

    def __init__(self, array: NDArray[np.uint8], rows: Sequence[int]) -> None:
        self._array, self._rows = array, rows
        self.shape = (len(rows), *array.shape[1:])

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return np.asarray(self._array[self._rows[index]])


class CanvasCache:
    """``pixels`` (F, S, S) uint8, a memory map or rows of one, and ``frames``, in the order of the records."""

    def __init__(self, pixels: NDArray[np.uint8] | Rows, frames: list[Frame]) -> None:
        self.pixels = pixels
        self.frames = frames

    @classmethod
    def readable(
        cls, records: Sequence[FilmRecord], settings: Preprocessing, folder: Path, again: bool = True
    ) -> tuple[list[FilmRecord], "CanvasCache"]:
        """The records whose films can be read and the cache of these. Makes the cache where it is not there yet (about
        200 films a second on two cores); of several processes one makes it while the others wait. Films that the disk
        did not give are asked for once more where the cache is there (``again``): a server may have been away.

        Raises ValueError where most films cannot be read: then it is a path that is wrong, not a film.
        """
        key = json.dumps([to_dict(settings), [str(record.path) for record in records]])
        stem = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        shape = (len(records), settings.side, settings.side)
        sizes = stem.with_suffix(".json")
        if not sizes.is_file():
            with alone(stem.with_suffix(".lock")):
                if not sizes.is_file():
                    cls._write(records, settings, stem.with_suffix(".u8"), sizes, shape, "w+", [None] * len(records))
                    again = False
        if again and NOT_GIVEN in json.loads(sizes.read_text()):
            with alone(stem.with_suffix(".lock")):
                known = json.loads(sizes.read_text())
                cls._write(records, settings, stem.with_suffix(".u8"), sizes, shape, "r+", known)
        found = json.loads(sizes.read_text())
        kept = [row for row, size in enumerate(found) if size not in (UNREADABLE, NOT_GIVEN)]
        if len(kept) < len(records) / 2:
            raise ValueError(f"only {len(kept):,} of {len(records):,} films can be read: look at the records' paths")
        pixels: NDArray[np.uint8] | Rows = np.memmap(stem.with_suffix(".u8"), np.uint8, "r", shape=shape)
        if len(kept) < len(records):
            tqdm.write(f"{len(records) - len(kept):,} of {len(records):,} films cannot be read and are left out")
            pixels = Rows(np.asarray(pixels), kept)
        frames = [Frame((found[row][0], found[row][1]), settings.side) for row in kept]
        return [records[row] for row in kept], cls(pixels, frames)

    @classmethod
    def open(cls, records: Sequence[FilmRecord], settings: Preprocessing, folder: Path) -> "CanvasCache":
        """The cache of films that can all be read. Raises ValueError where one cannot."""
        kept, found = cls.readable(records, settings, folder)
        if len(kept) < len(records):
            raise ValueError(f"{len(records) - len(kept):,} of {len(records):,} films cannot be read")
        return found

    @staticmethod
    def _write(
        records: Sequence[FilmRecord],
        settings: Preprocessing,
        path: Path,
        sizes: Path,
        shape: tuple[int, int, int],
        mode: Literal["w+", "r+"],
        found: list[Size],
    ) -> None:
        """Write the films of ``found`` that are not written; "w+" a new array, "r+" into the one that is there."""
        pixels = np.memmap(path, np.uint8, mode, shape=shape)

        def write(index: int) -> Size:
            try:
                film = Radiograph.read(records[index].path.read_bytes())
            except LofiError:
                return UNREADABLE
            except OSError:
                return NOT_GIVEN
            rendered, frame = canvas(film.pixels, settings)
            pixels[index] = np.rint(rendered * 255).astype(np.uint8)
            return frame.size_hw

        wanted = [row for row, size in enumerate(found) if mode == "w+" or size == NOT_GIVEN]
        with ThreadPoolExecutor() as pool:
            written = list(tqdm(pool.map(write, wanted), total=len(wanted), desc="films", unit="film"))
        for row, size in zip(wanted, written, strict=True):
            found[row] = size
        pixels.flush()
        unfinished = sizes.with_suffix(".part")
        unfinished.write_text(json.dumps(found))
        unfinished.replace(sizes)  # last and at once: its presence says that the array is whole
