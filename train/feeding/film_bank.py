"""Training films after the frozen towers: computed once in a few versions, kept on disk, read by every step.

A film's version 0 is the plain film, from which shots and their retrieval come; the others are augmented.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from lofi.boxes import as_boxes
from lofi.gallery import Gallery, RegionIndex
from lofi.gallery.regions import boxed_studies
from lofi.network.encoder import EncodedFilm, content
from lofi.network.frame import Frame
from lofi.network.model import LofiModel
from lofi.network.pooled import pool_tokens, pool_vectors
from lofi.results import PooledRegions, RegionBox, Study
from train.data.canvases import CanvasCache
from train.data.records import FilmRecord
from train.feeding.augment import Augmentation, apply, random_affine

_PLAIN = np.array([[1.0, 0, 0], [0, 1, 0]])


@dataclass(frozen=True)
class FilmBank:
    """F films in V versions. ``prefix`` (F, V, N, W) float16; ``matrices`` (F, V, 2, 3) the canvas affine of each
    version; ``patches`` (F, P, D) float16 and ``embeddings`` (F, E) of the plain films.
    """

    records: Sequence[FilmRecord]
    frames: Sequence[Frame]
    prefix: NDArray[np.float16]
    patches: NDArray[np.float16]
    matrices: NDArray[np.float64]
    embeddings: NDArray[np.float32]

    @classmethod
    def open(
        cls, records: Sequence[FilmRecord], model: LofiModel, folder: Path, versions: int, seed: int, cache: Path
    ) -> "FilmBank":
        """The bank of these films and this model in ``folder``, made where it is not there yet."""
        records, films = CanvasCache.readable(records, model.config.preprocessing, cache)
        key = json.dumps([model.fingerprint, versions, seed, [str(record.path) for record in records]])
        stem = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        if not (stem / "done").is_file():
            stem.mkdir(parents=True, exist_ok=True)
            _write(stem, films, model, versions, seed)
            (stem / "done").write_text("")  # written last: the arrays are whole
        names = ("prefix", "patches", "matrices", "embeddings")
        return cls(records, films.frames, *(np.load(stem / f"{name}.npy", mmap_mode="r") for name in names))

    def encoded(self, film: int) -> EncodedFilm:
        """The plain film as shots are looked for; it has no language cache, so nothing can be asked of it."""
        patches = torch.from_numpy(self.patches[film].astype(np.float32))[None]
        return EncodedFilm(str(film), self.frames[film], np.asarray(self.embeddings[film]), patches, cache=None)

    def regions(self, model: LofiModel) -> RegionIndex:
        """The index of all boxes of the plain films; study ids are film numbers."""
        studies = tuple(_study(number, record) for number, record in enumerate(self.records))
        gallery = Gallery(studies, np.asarray(self.embeddings), model.fingerprint, model.name)
        return RegionIndex.of(gallery, {row: self._pooled(row) for row in boxed_studies(gallery)}, model.embed_text)

    def _pooled(self, film: int) -> PooledRegions:
        boxes = self.frames[film].to_canvas(as_boxes([box.box for box in self.records[film].boxes]))
        vectors = pool_vectors(content(torch.from_numpy(self.patches[film].astype(np.float32))[None]), boxes)
        tokens = pool_tokens(self.prefix[film, 0].astype(np.float32), boxes)
        # What the heat map sees decides nothing in training.
        return PooledRegions(vectors, tokens, boxes.astype(np.float32), np.zeros((len(boxes), 0), dtype=np.float32))


def _study(number: int, record: FilmRecord) -> Study:
    boxes = tuple(RegionBox(box.phrase, box.box, box.label, box.kind, box.quality) for box in record.boxes)
    return Study(str(number), "", source=record.source, patient_key=record.patient, boxes=boxes)


@torch.inference_mode()
def _write(stem: Path, films: CanvasCache, model: LofiModel, versions: int, seed: int) -> None:
    """Encode every version of every film, those of one film at once."""
    count, network, ranges = len(films.frames), model.network, Augmentation()
    arrays: dict[str, NDArray[np.generic]] = {}

    def keep(name: str, row: int, values: NDArray[np.generic]) -> None:
        if name not in arrays:
            shape = (count, *values.shape)
            arrays[name] = np.lib.format.open_memmap(stem / f"{name}.npy", "w+", values.dtype, shape)
        arrays[name][row] = values

    for row in tqdm(range(count), desc="towers", unit="film"):
        rng, side = np.random.default_rng((seed, row)), films.pixels.shape[1]
        matrices = np.stack([_PLAIN, *(random_affine(rng, side, ranges) for _ in range(versions - 1))])
        plain = films.pixels[row].astype(np.float32) / 255
        seen = [plain, *(apply(films.pixels[row], matrix, rng, ranges) for matrix in matrices[1:])]
        patches, embedding = network.encode_images(torch.from_numpy(np.stack(seen)).to(model.device))
        keep("prefix", row, network.prefix(patches).cpu().numpy().astype(np.float16))
        keep("patches", row, patches[0].cpu().numpy().astype(np.float16))
        keep("matrices", row, matrices)
        keep("embeddings", row, embedding[0].cpu().numpy())
    for array in arrays.values():
        array.flush()
