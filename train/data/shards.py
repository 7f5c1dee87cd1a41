"""Films as shards for clusters: plain tar files of canvases, which a process reads in place without unpacking.

shard-00000.tar …  for each film ``00000042.u8``, its (S, S) uint8 canvas row by row, and ``00000042.json``, its record:
                   WebDataset's naming, so that other loaders can stream them
films.jsonl        the records again, each with its shard, the byte where its canvas begins and the film's height, width
shards.json        format, preprocessing, sizes of the tar files; written last: its presence says that all is whole

Any film can be read by itself, so a step is built from its number alone and a run resumes by it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lofi.errors import LofiError
from lofi.film.radiograph import Radiograph
from lofi.network.config import Preprocessing
from lofi.network.frame import Frame
from lofi.network.preprocess import canvas
from train.data.records import FilmRecord, parse

FORMAT = 1
FILMS, INDEX = "films.jsonl", "shards.json"


def rendering(settings: Preprocessing) -> dict[str, float]:
    """What of the preprocessing is in a canvas; mean and deviation come later. Shards without ``detail`` have none."""
    stated = {name: value for name, value in asdict(settings).items() if name in ("side", "low", "high")}
    return stated | ({"detail": settings.detail} if settings.detail else {})


def write_shards(records: Path, out: Path, settings: Preprocessing, films: int = 2000, quiet: bool = False) -> int:
    """Write the training films of a record file as shards of ``films`` each; return how many there are. Those that
    cannot be read are left out.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    rows = [row for row in _rows(records) if row["split"] == "train"]
    sizes, number = [], 0
    with (out / FILMS).open("w", encoding="utf-8") as index, tqdm(total=len(rows), disable=quiet, unit="film") as bar:
        for shard, first in enumerate(range(0, len(rows), films)):
            path = out / f"shard-{shard:05d}.tar"
            with tarfile.open(path, "w") as tar:
                for row in rows[first : first + films]:
                    bar.update()
                    try:
                        film = Radiograph.read(records.parent / row["image"])
                    except (LofiError, OSError):
                        continue
                    rendered, frame = canvas(film.pixels, settings)
                    row = row | {"image": f"{number:08d}.u8", "film": _name(records.parent / row["image"])}
                    begin = _add(tar, row["image"], np.rint(rendered * 255).astype(np.uint8).tobytes())
                    _add(tar, f"{number:08d}.json", json.dumps(row, ensure_ascii=False).encode())
                    place = {"shard": shard, "offset": begin, "size_hw": frame.size_hw}
                    index.write(json.dumps(row | place, ensure_ascii=False) + "\n")
                    number += 1
            sizes.append(path.stat().st_size)
    if number < len(rows):
        tqdm.write(f"{len(rows) - number:,} of {len(rows):,} films cannot be read and are left out")
    stated = {"format": FORMAT, "preprocessing": rendering(settings), "sizes": sizes}
    (out / INDEX).write_text(json.dumps(stated, indent=1) + "\n", "utf-8")
    return number


def _name(film: Path) -> str:
    """What tells a film from all others wherever its shard goes: a hash of where it lay."""
    return hashlib.sha256(str(film.resolve()).encode()).hexdigest()[:16]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Append a file; the byte of the archive where its data begins."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    begin = tar.offset + len(member.tobuf(tar.format))
    tar.addfile(member, io.BytesIO(data))
    return begin


class Shards:
    """``records``, and of each ``frames``, ``homes`` (F,) the number of its shard, and ``pixels`` as of CanvasCache; of
    one folder or of several.
    """

    def __init__(self, folders: Path | Sequence[Path], settings: Preprocessing) -> None:
        """Raises ValueError where the shards are not whole, were rendered in another way than the recipe's, or hold a
        film twice.
        """
        self.records: list[FilmRecord] = []
        self.frames: list[Frame] = []
        self._paths: list[Path] = []
        self._offsets: list[int] = []
        self._side = settings.side
        self._opened: dict[int, NDArray[np.uint8]] = {}
        homes: list[int] = []
        names: list[str] = []
        for folder in [folders] if isinstance(folders, Path) else folders:
            paths, rows = _whole(folder, settings), list(_rows(folder / FILMS))
            self.records += [parse(row, folder) for row in rows]
            self.frames += [Frame((row["size_hw"][0], row["size_hw"][1]), settings.side) for row in rows]
            homes += [len(self._paths) + row["shard"] for row in rows]
            self._offsets += [row["offset"] for row in rows]
            self._paths += paths
            names += [row["film"] for row in rows if "film" in row]
        if len(names) != len(set(names)):
            raise ValueError(
                "a film lies in two of the shards' folders and would be trained twice: join the record files first "
                "(train.data mimic_qba --reports does), and write shards of the one they become"
            )
        self.homes = np.asarray(homes, dtype=np.int64)

    @property
    def pixels(self) -> "Shards":
        """The canvases, by film number."""
        return self

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """(S, S) uint8 canvas of a film. A shard is opened when the first of its films is read."""
        home, begin = int(self.homes[index]), self._offsets[index]
        if home not in self._opened:
            self._opened[home] = np.memmap(self._paths[home], np.uint8, "r")
        return self._opened[home][begin : begin + self._side**2].reshape(self._side, self._side)


def _whole(folder: Path, settings: Preprocessing) -> list[Path]:
    """The shards of a folder. Raises ValueError where they are not whole or rendered in another way."""
    try:
        stated = json.loads((folder / INDEX).read_text("utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"no whole shards there: {INDEX} is missing, write them again") from None
    if stated.get("format") != FORMAT or stated["preprocessing"] != rendering(settings):
        raise ValueError(f"the shards hold {stated.get('preprocessing')}, the recipe wants {rendering(settings)}")
    paths = [folder / f"shard-{number:05d}.tar" for number in range(len(stated["sizes"]))]
    for path, size in zip(paths, stated["sizes"], strict=True):
        if not path.is_file() or path.stat().st_size != size:
            raise ValueError(f"{path.name} is missing or cut short: write the shards again")
    return paths


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
