"""A cache of decoded films: uint8 canvases in one memory-mapped array, written once, read by every epoch."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lofi.film.radiograph import Radiograph
from lofi.network.config import Preprocessing, to_dict
from lofi.network.frame import Frame
from lofi.network.preprocess import canvas
from train.data.records import FilmRecord
from train.data.turns import alone


class CanvasCache:
    """``pixels`` (F, S, S) uint8 memory map and ``frames``, in the order of the records."""

    def __init__(self, pixels: NDArray[np.uint8], frames: list[Frame]) -> None:
        self.pixels = pixels
        self.frames = frames

    @classmethod
    def open(cls, records: Sequence[FilmRecord], settings: Preprocessing, folder: Path) -> "CanvasCache":
        """Open the cache of these records and settings, or make it (about 200 films a second on two cores).

        Of several processes one makes it while the others wait.
        """
        key = json.dumps([to_dict(settings), [str(record.path) for record in records]])
        stem = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        shape = (len(records), settings.side, settings.side)
        sizes = stem.with_suffix(".json")
        if not sizes.is_file():
            with alone(stem.with_suffix(".lock")):
                if not sizes.is_file():
                    cls._write(records, settings, stem.with_suffix(".u8"), sizes, shape)
        frames = [Frame((height, width), settings.side) for height, width in json.loads(sizes.read_text())]
        return cls(np.memmap(stem.with_suffix(".u8"), np.uint8, "r", shape=shape), frames)

    @staticmethod
    def _write(
        records: Sequence[FilmRecord], settings: Preprocessing, path: Path, sizes: Path, shape: tuple[int, int, int]
    ) -> None:
        pixels = np.memmap(path, np.uint8, "w+", shape=shape)

        def write(index: int) -> tuple[int, int]:
            film = Radiograph.read(records[index].path)
            rendered, frame = canvas(film.pixels, settings)
            pixels[index] = np.rint(rendered * 255).astype(np.uint8)
            return frame.size_hw

        with ThreadPoolExecutor() as pool:
            found = list(tqdm(pool.map(write, range(len(records))), total=len(records), desc="films", unit="film"))
        pixels.flush()
        unfinished = sizes.with_suffix(".part")
        unfinished.write_text(json.dumps(found))
        unfinished.replace(sizes)  # last and at once: its presence says that the array is whole
