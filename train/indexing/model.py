"""What the building of a gallery needs of a model, and a checkpoint of which the networks are loaded when needed."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import lofi
from lofi.boxes import Boxes
from lofi.film.radiograph import Radiograph
from lofi.gallery import Embedder
from lofi.gallery.regions import RegionEmbedder
from lofi.results import PooledRegions


class Model(Embedder, RegionEmbedder, Protocol):
    """What is needed of a model."""

    def embed_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, E) unit vectors of sentences, to be compared with those of films."""
        ...


HASTENED_AFTER = 256
"""Films: compiling takes as long as embedding so many."""


class Checkpoint:
    """A checkpoint whose networks are loaded by the first film or text: where all is kept, they never are. What makes
    films' vectors is compiled by OpenVINO where that is installed and quicker (train.indexing.compiled), once many
    films were embedded.

    ``place`` is its folder. Raises CheckpointError at once where a folder or hub id is of none.
    """

    def __init__(self, place: str | Path) -> None:
        # Not above: whoever has another model at hand needs no torch.
        from lofi.network.checkpoint import fetch, fingerprint, read_manifest
        from lofi.network.config import ModelConfig, from_dict

        self._films = 0
        self.place = Path(place) if Path(place).is_dir() else fetch(str(place))
        manifest = read_manifest(self.place)
        self.fingerprint = fingerprint(manifest)
        self.name = from_dict(ModelConfig, manifest["config"]).name

    @cached_property
    def _model(self) -> "lofi.LofiModel":
        return lofi.load(self.place)

    @cached_property
    def _hastened(self) -> "lofi.LofiModel":
        from train.indexing.compiled import hasten

        hasten(self._model)
        return self._model

    @property
    def embed_dim(self) -> int:
        """As the model's."""
        return self._model.embed_dim

    def embed(self, radiographs: list[Radiograph]) -> NDArray[np.float32]:
        """As the model's."""
        model = self._hastened if self._films >= HASTENED_AFTER else self._model
        self._films += len(radiographs)
        return model.embed(radiographs)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the model's."""
        return self._model.embed_text(texts)

    def embed_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the model's."""
        return self._model.embed_query(texts)

    def embed_regions(self, radiograph: Radiograph, boxes: Boxes) -> PooledRegions:
        """As the model's."""
        return self._model.embed_regions(radiograph, boxes)
